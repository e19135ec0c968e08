alter table private.web_sessions enable row level security;

create trigger web_sessions_60_ring after delete on private.web_sessions for each row
  execute function private.ring_web_session();
