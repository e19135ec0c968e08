create table private.pages (
  name text not null,
  function text not null,
  constraint pages_pkey primary key (name),
  constraint pages_function_check check (function ~ '^[a-z][a-z0-9_]{0,62}$')
);

comment on table private.pages is
  'The live pages and the function of this schema that reads each; changed by migrations only.';
comment on column private.pages.function is
  'Takes the arguments of the page as jsonb and gives json or jsonb. A name, since regprocedure would keep pg_upgrade from running.';
comment on constraint pages_pkey on private.pages is
  'a page has one function';
comment on constraint pages_function_check on private.pages is
  'the function of a page is a name of lower-case letters, digits and underscores';
