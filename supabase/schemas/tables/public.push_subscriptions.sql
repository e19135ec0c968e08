create table public.push_subscriptions (
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  session_id uuid not null,
  endpoint text not null,
  host text not null,
  p256dh bytea not null,
  auth bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint push_subscriptions_pkey primary key (id),
  constraint push_subscriptions_session unique (session_id),
  constraint push_subscriptions_endpoint unique (endpoint),
  constraint push_subscriptions_endpoint_check check (endpoint ~ '^https?://[^/?#]' and length(endpoint) <= 1000),
  constraint push_subscriptions_keys_check check (octet_length(p256dh) = 65 and octet_length(auth) = 16),
  constraint push_subscriptions_session_id_fkey foreign key (session_id) references private.web_sessions(id) on delete cascade,
  constraint push_subscriptions_user_id_fkey foreign key (user_id) references public.users(id) on delete cascade
);

comment on table public.push_subscriptions is
  'Browsers that get signals by web push while no page is open. Each belongs to the session in that browser and ends with it.';
comment on column public.push_subscriptions.endpoint is
  'The address at the browser''s push service. Who knows it can send nothing without the VAPID key.';
comment on column public.push_subscriptions.host is
  'Host and port of the address; at most four messages to one host are under way at once.';
comment on column public.push_subscriptions.p256dh is
  'The browser''s public key, for the encryption of RFC 8291: an uncompressed point of P-256.';
comment on column public.push_subscriptions.auth is
  'The secret that the browser and the server share, of RFC 8291.';
comment on constraint push_subscriptions_pkey on public.push_subscriptions is
  'this id is taken';
comment on constraint push_subscriptions_session on public.push_subscriptions is
  'a session has one subscription';
comment on constraint push_subscriptions_endpoint on public.push_subscriptions is
  'this browser is subscribed already';
comment on constraint push_subscriptions_endpoint_check on public.push_subscriptions is
  'an endpoint is an address of at most 1000 characters';
comment on constraint push_subscriptions_keys_check on public.push_subscriptions is
  'a subscription has a key of 65 and a secret of 16 bytes';
comment on constraint push_subscriptions_session_id_fkey on public.push_subscriptions is
  'a subscription belongs to a session that has not ended';
comment on constraint push_subscriptions_user_id_fkey on public.push_subscriptions is
  'a subscription belongs to a person who exists';

-- The browsers of a person, to send them a signal. Also the foreign key.
create index push_subscriptions_user on public.push_subscriptions (user_id);
