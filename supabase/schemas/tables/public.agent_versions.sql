create table public.agent_versions (
  id bigint not null generated always as identity,
  agent_id uuid not null,
  version integer not null,
  name text not null,
  system_prompt text not null,
  mcp_tools jsonb,
  created_at timestamptz not null default now(),
  created_by uuid,
  whole jsonb,
  note text,
  actor text,
  constraint agent_versions_pkey primary key (id),
  constraint agent_versions_once unique (agent_id, version),
  constraint agent_versions_note_check check (length(note) <= 200),
  constraint agent_versions_version_check check (version > 0),
  constraint agent_versions_agent_id_fkey foreign key (agent_id) references public.agents(id) on delete cascade,
  constraint agent_versions_created_by_fkey foreign key (created_by) references public.users(id) on delete restrict
);

comment on table public.agent_versions is
  'Everything that an agent consisted of at a time, written by trigger; one version per transaction.';
comment on column public.agent_versions.created_by is
  'The person who changed it; null for the service key and the database''s owner.';
comment on column public.agent_versions.whole is
  'The agent''s fields, {tools: [...], config: {...}}, without secrets.';
comment on column public.agent_versions.note is
  'What the person wrote about the change.';
comment on column public.agent_versions.actor is
  'The username, an admin''s name or the role, as it was then.';
comment on constraint agent_versions_pkey on public.agent_versions is
  'this id is taken';
comment on constraint agent_versions_once on public.agent_versions is
  'the agent has this version already';
comment on constraint agent_versions_note_check on public.agent_versions is
  'a note has at most 200 characters';
comment on constraint agent_versions_version_check on public.agent_versions is
  'version is 1 or more';
comment on constraint agent_versions_agent_id_fkey on public.agent_versions is
  'a version belongs to an agent that exists';
comment on constraint agent_versions_created_by_fkey on public.agent_versions is
  'a version was made by a person who exists';

-- The foreign key: a person who made a version is not deleted while it exists.
create index agent_versions_created_by on public.agent_versions (created_by);
