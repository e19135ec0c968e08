create table private.troubles (
  name text not null,
  since timestamptz not null,
  ended_at timestamptz,
  constraint troubles_pkey primary key (name),
  constraint troubles_order check (ended_at >= since)
);

comment on table private.troubles is
  'What the system page calls not OK, one row a kind: since when, and when it ended. The row ''looked'' says since when somebody looks, and when last.';
comment on constraint troubles_pkey on private.troubles is 'a trouble has one row';
comment on constraint troubles_order on private.troubles is 'a trouble ends after it began';
