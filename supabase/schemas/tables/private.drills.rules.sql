-- Through functions alone: a supervisor who could read this table would know which request is a drill.
alter table private.drills enable row level security;

create trigger drills_60_ring after insert or update on private.drills for each row
  execute function private.ring_drill();
