create table public.tool_grants (
  id uuid not null default gen_random_uuid(),
  interaction_id uuid not null,
  supervisor_id uuid not null,
  tool_name text not null,
  granted_by uuid not null,
  granted_by_name text not null,
  created_at timestamptz not null default now(),
  permission_id uuid,
  scope text not null,
  limit_argument text,
  each_limit numeric,
  sum_limit numeric,
  freed text[] not null default '{}'::text[],
  max_uses integer not null,
  uses integer not null default 0,
  used_sum numeric not null default 0,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_how text,
  ended_by uuid,
  ended_by_name text,
  constraint tool_grants_pkey primary key (id),
  constraint tool_grants_each_limit check (each_limit >= 0::numeric and each_limit <= '1000000000000000'::numeric),
  constraint tool_grants_ended check ((ended_at is null) = (ended_how is null)
    and (ended_by is null) = (ended_by_name is null) and (uses < max_uses or ended_at is not null)),
  constraint tool_grants_ended_how check (ended_how in ('used_up', 'expired', 'revoked', 'replaced', 'lapsed',
    'updated')),
  constraint tool_grants_limit check ((scope = 'limit') = (limit_argument is not null)
    and (limit_argument is null) = (each_limit is null) and (limit_argument is null) = (sum_limit is null)
    and (scope = 'limit' or freed = '{}'::text[])),
  constraint tool_grants_max_uses check (max_uses >= 1),
  constraint tool_grants_scope check (scope in ('exact', 'limit', 'any')),
  constraint tool_grants_sum_limit check (sum_limit >= 0::numeric and sum_limit <= '1000000000000000'::numeric),
  constraint tool_grants_tool_name_check check (length(tool_name) >= 1 and length(tool_name) <= 255),
  constraint tool_grants_used_sum check (used_sum >= 0::numeric and used_sum <= coalesce(sum_limit, 0::numeric)),
  constraint tool_grants_uses check (uses >= 0 and uses <= max_uses),
  constraint tool_grants_ended_by foreign key (ended_by) references public.users(id) on delete restrict,
  constraint tool_grants_granted_by_fkey foreign key (granted_by) references public.users(id) on delete restrict,
  constraint tool_grants_interaction foreign key (interaction_id, supervisor_id) references public.interactions(id,
    supervisor_id) on update cascade on delete cascade
);

comment on table public.tool_grants is
  'A standing approval of one tool in one interaction: its scope, uses and end. It ends with the interaction, after which nothing can be asked.';
comment on column public.tool_grants.permission_id is
  'The request that was allowed with it; other requests are compared with its arguments. Null for grants of an old kind.';
comment on column public.tool_grants.scope is
  'exact: the same arguments (digest). limit: limit_argument is a plain number from 0 to each_limit, and all other arguments are the same but for those in freed. any: whatever the arguments.';
comment on column public.tool_grants.sum_limit is
  'The maximum sum of limit_argument in all uses.';
comment on column public.tool_grants.freed is
  'Names of arguments that may differ, be missing or be added.';
comment on column public.tool_grants.ended_how is
  'used_up, expired, revoked, replaced by another grant of the same tool, lapsed: the person who gave it may no longer decide for this agent; or updated: of an old kind, which ended with an update.';
comment on constraint tool_grants_pkey on public.tool_grants is
  'this id is taken';
comment on constraint tool_grants_each_limit on public.tool_grants is
  'each_limit is 0 to 1000000000000000';
comment on constraint tool_grants_ended on public.tool_grants is
  'a grant that ended says how, and one without uses left has ended';
comment on constraint tool_grants_ended_how on public.tool_grants is
  'ended_how is used_up, expired, revoked, replaced, lapsed or updated';
comment on constraint tool_grants_limit on public.tool_grants is
  'a grant of scope limit has limit_argument, each_limit and sum_limit, and only such a grant';
comment on constraint tool_grants_max_uses on public.tool_grants is
  'max_uses is 1 or more';
comment on constraint tool_grants_scope on public.tool_grants is
  'scope is exact, limit or any';
comment on constraint tool_grants_sum_limit on public.tool_grants is
  'sum_limit is 0 to 1000000000000000';
comment on constraint tool_grants_tool_name_check on public.tool_grants is
  'tool_name has 1 to 255 characters';
comment on constraint tool_grants_used_sum on public.tool_grants is
  'used_sum is 0 to sum_limit';
comment on constraint tool_grants_uses on public.tool_grants is
  'uses is 0 to max_uses';
comment on constraint tool_grants_ended_by on public.tool_grants is
  'a grant was ended by a person who exists';
comment on constraint tool_grants_granted_by_fkey on public.tool_grants is
  'a grant was given by a person who exists';
comment on constraint tool_grants_interaction on public.tool_grants is
  'a grant belongs to an interaction of the same supervisor, which exists';

-- The foreign key: who ended a grant.
create index tool_grants_ended_by on public.tool_grants (ended_by) where ended_by is not null;
-- The sweeper: grants that have expired.
create index tool_grants_expiry on public.tool_grants (expires_at) where ended_at is null;
-- The foreign key, and the grants of a person who may no longer decide.
create index tool_grants_granted_by on public.tool_grants (granted_by);
-- One grant of a tool in an interaction at a time; found by each request of that tool.
create unique index tool_grants_live on public.tool_grants (interaction_id, tool_name) where ended_at is null;
comment on index public.tool_grants_live is
  'the interaction has a grant of this tool already';
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index tool_grants_owner on public.tool_grants (interaction_id, supervisor_id);
-- The foreign key to the request it was given with.
create index tool_grants_permission on public.tool_grants (permission_id);
