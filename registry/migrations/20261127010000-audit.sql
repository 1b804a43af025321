-- Public keys that the platform signs with, or has signed with. A key signs its own document, which names those before it: so
-- nobody who can only write here adds a key that counts. Insert-only.
create table signing_keys (
  id text not null,
  document text not null,
  signature text not null,
  created_at timestamptz not null default now(),
  primary key (id)
);
create or replace function signing_keys_signing_keys_insert_only_fn() returns trigger
  as $$ begin raise exception 'signing keys are insert-only'; end; $$ language plpgsql;
create trigger signing_keys_insert_only before update or delete on signing_keys
  for each row execute function signing_keys_signing_keys_insert_only_fn();

-- Checkpoints: the heads of the streams that have grown since the one before, signed and chained. The document is canonical
-- JSON, kept as text, because its bytes are what is hashed and signed. Insert-only.
create table checkpoints (
  number int not null,
  document text not null,
  hash text not null,
  key_id text not null,
  signature text not null,
  created_at timestamptz not null default now(),
  primary key (number),
  constraint checkpoints_key_id_foreign foreign key (key_id) references signing_keys (id)
);
create or replace function checkpoints_checkpoints_insert_only_fn() returns trigger
  as $$ begin raise exception 'checkpoints are insert-only'; end; $$ language plpgsql;
create trigger checkpoints_insert_only before update or delete on checkpoints
  for each row execute function checkpoints_checkpoints_insert_only_fn();

-- Which checkpoint has which head, to find what is new and what is about one stream; what counts is the document. Insert-only.
create table checkpoint_heads (
  stream text not null,
  seq bigint not null,
  checkpoint int not null,
  primary key (stream, seq),
  constraint checkpoint_heads_stream_foreign foreign key (stream) references event_streams (id),
  constraint checkpoint_heads_checkpoint_foreign foreign key (checkpoint) references checkpoints (number)
);
create or replace function checkpoint_heads_checkpoint_heads_insert_only_fn() returns trigger
  as $$ begin raise exception 'heads of checkpoints are insert-only'; end; $$ language plpgsql;
create trigger checkpoint_heads_insert_only before update or delete on checkpoint_heads
  for each row execute function checkpoint_heads_checkpoint_heads_insert_only_fn();

-- What a request did is looked up by its correlation id.
create index events_correlation on events ((body::jsonb ->> 'correlationId'));
