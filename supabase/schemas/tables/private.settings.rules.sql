alter table private.settings enable row level security;

create trigger settings_60_ring after update on private.settings for each statement
  execute function private.ring_settings();

create trigger settings_70_audit after update on private.settings for each row
  execute function private.audit('value', 'words');
