alter table private.drill_plans enable row level security;

create trigger drill_plans_70_audit after insert or update on private.drill_plans for each row
  execute function private.audit('per_day');
