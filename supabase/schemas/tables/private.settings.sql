create table private.settings (
  name text not null,
  value integer not null,
  constraint settings_pkey primary key (name),
  constraint settings_value_check check (value > 0)
);

comment on table private.settings is
  'Times and limits in the unit of their name, written by the web process at start.';
comment on constraint settings_pkey on private.settings is
  'a setting has one value';
comment on constraint settings_value_check on private.settings is
  'a setting is more than 0';
