create table public.interaction_tags (
  interaction_id uuid not null,
  supervisor_id uuid not null,
  tag text not null,
  added_by uuid not null,
  added_by_name text not null,
  added_at timestamptz not null default now(),
  constraint interaction_tags_pkey primary key (interaction_id, tag),
  constraint interaction_tags_tag_check check (length(tag) >= 1 and length(tag) <= 50 and tag = lower(btrim(tag))),
  constraint interaction_tags_added_by_fkey foreign key (added_by) references public.users(id),
  constraint interaction_tags_interaction foreign key (interaction_id, supervisor_id)
    references public.interactions(id, supervisor_id) on update cascade on delete cascade
);

comment on table public.interaction_tags is
  'Tags that people gave to an interaction, beside those of its archive. Deleted when it is forgotten.';
comment on column public.interaction_tags.tag is
  'In lower case, as in private.interaction_search.labels.';
comment on constraint interaction_tags_pkey on public.interaction_tags is
  'the interaction has this tag already';
comment on constraint interaction_tags_tag_check on public.interaction_tags is
  'a tag has 1 to 50 characters, in lower case';
comment on constraint interaction_tags_added_by_fkey on public.interaction_tags is
  'a tag was added by a person who exists';
comment on constraint interaction_tags_interaction on public.interaction_tags is
  'a tag belongs to an interaction of the same supervisor, which exists';

-- The foreign key to the person who added it.
create index interaction_tags_added_by on public.interaction_tags (added_by);
-- The foreign key to the interaction and its supervisor, which cascades when an agent moves.
create index interaction_tags_owner on public.interaction_tags (interaction_id, supervisor_id);
