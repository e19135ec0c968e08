create table private.drill_plans (
  supervisor_id uuid not null,
  per_day integer not null,
  constraint drill_plans_pkey primary key (supervisor_id),
  constraint drill_plans_supervisor_id_fkey foreign key (supervisor_id) references public.users(id) on delete cascade,
  constraint drill_plans_per_day_check check (per_day between 0 and 5)
);

comment on table private.drill_plans is
  'At most how many drills in 24 hours the product sends to a supervisor by itself. Without a row, none.';
comment on constraint drill_plans_pkey on private.drill_plans is
  'a supervisor has one number of drills a day';
comment on constraint drill_plans_supervisor_id_fkey on private.drill_plans is
  'drills are for a person who exists';
comment on constraint drill_plans_per_day_check on private.drill_plans is
  'a supervisor gets 0 to 5 drills a day';
