create table private.settings (
  name text not null,
  value integer,
  words text,
  initial text,
  fixed_to text,
  chosen text,
  lowest integer,
  highest integer,
  constraint settings_pkey primary key (name),
  constraint settings_value_check check (value > 0),
  constraint settings_value_or_words check ((value is null) <> (words is null)),
  constraint settings_range check (value is not null or (lowest is null and highest is null))
);

comment on table private.settings is
  'Times, limits and texts of the product. What holds is in value or words, and everything reads it there; where it comes from is in the other columns.';
comment on column private.settings.value is
  'The number that holds, in the unit of the name; null for a text.';
comment on column private.settings.words is
  'The text that holds, one item a line; null for a number.';
comment on column private.settings.initial is
  'What holds while neither the environment nor an admin says anything, as text.';
comment on column private.settings.fixed_to is
  'What the environment of the web process that started last fixes, as text; null where it says nothing.';
comment on column private.settings.chosen is
  'What an admin chose, as text. It holds unless the environment fixes the setting, and again when it no longer does.';
comment on column private.settings.lowest is
  'The least number that an admin may choose; null where admins do not choose.';
comment on column private.settings.highest is
  'The greatest number that an admin may choose.';
comment on constraint settings_pkey on private.settings is
  'a setting has one value';
comment on constraint settings_value_check on private.settings is
  'a setting is more than 0';
comment on constraint settings_value_or_words on private.settings is
  'a setting is a number or a text';
comment on constraint settings_range on private.settings is
  'only a number has a range';
