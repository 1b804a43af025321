-- Steps hold nothing open: a claim on the ledger's row with a lease and a fence, instead of a row lock held for as long as
-- the world takes to answer. Conditions are rows. Keys of the ledger carry the placement. Kinds are listed in code alone.

-- Operations: due later, exclusive or not, what they undo, and the tenant's state before.
alter table operations
  add column exclusive boolean not null default true,
  add column due_at timestamptz not null default now(),
  add column state_before text null,
  add column undo jsonb not null default '[]',
  drop constraint operations_kind_check,
  drop constraint operations_state_check,
  add constraint operations_state_check
    check (state in ('scheduled', 'accepted', 'running', 'interrupted', 'succeeded', 'failed', 'aborted'));
drop index operations_one_open_per_tenant;
create unique index operations_one_open_per_tenant on operations (tenant_id)
  where exclusive and state in ('accepted', 'running', 'interrupted');
create index operations_due on operations (due_at) where state = 'scheduled';

-- Tenants: the latch of suspend, and what undelete gives back.
alter table tenants
  add column suspended boolean not null default false,
  add column state_before text null;
create table conditions (
  tenant_id uuid not null,
  type text not null,
  reason text not null,
  message text not null,
  since timestamptz not null default now(),
  primary key (tenant_id, type),
  constraint conditions_tenant_id_foreign foreign key (tenant_id) references tenants (id)
);
insert into conditions (tenant_id, type, reason, message, since)
  select t.id, c.type, c.reason, c.message, c.since
  from tenants t, jsonb_to_recordset(t.conditions) as c (type text, reason text, message text, since timestamptz)
  on conflict do nothing;
alter table tenants drop column conditions;

-- The hash of the wish as it was given, so that reading an old manifest never meets a stricter rule of today.
alter table generations add column wish_hash text null;

-- The ledger: what all placements of an environment share has placement 0.
create sequence fences;
update resources set placement = 0 where kind in ('secrets', 'object-store', 'runtime', 'topic');
update resources set key = environment || '/' || case placement when 0 then '' else placement || '/' end || kind;
update resources set spec = spec || jsonb_build_object('key', key, 'placement', placement);
alter table resources
  drop constraint resources_pkey,
  add primary key (tenant_id, key),
  drop constraint resources_kind_check,
  add column spec_version int not null default 1,
  add column fence bigint not null default '0',
  add column failures int not null default 0,
  add column claimed_by uuid null,
  add column claimed_attempt int null,
  add column claimed_until timestamptz null;

-- A delivery to a topic is named by the topic's key in the ledger.
update deliveries set destination = 'topic/' || split_part(destination, '/', 2) || '/topic' where destination like 'topic/%';

-- Appends events to a stream, chained by hash, and tells every destination of the stream; gives the stream's new sequence
-- number. `said` holds an array of {type, operation, head, middle}: the body's canonical text in pieces, around what only
-- the database knows (RFC 8785 sorts the names, so the pieces are always these). The stream's row stays locked until the
-- commit: call it last.
create function append_events(stream_id text, said jsonb) returns bigint language plpgsql as $$
declare
  event jsonb;
  at bigint;
  previous text;
  event_id uuid;
  moment timestamptz;
  body text;
begin
  if jsonb_array_length(said) = 0 then
    return null;
  end if;
  insert into event_streams as s (id, seq, head) values (stream_id, 0, repeat('0', 64))
    on conflict (id) do update set seq = s.seq
    returning seq, head into at, previous;
  for event in select value from jsonb_array_elements(said) loop
    at := at + 1;
    event_id := uuidv7();
    moment := date_trunc('milliseconds', clock_timestamp());
    body := (event ->> 'head') || ',"id":"' || event_id || '",' || (event ->> 'middle') || '"seq":' || at
      || ',"stream":"' || stream_id || '","time":"'
      || to_char(moment at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '","type":"' || (event ->> 'type') || '"}';
    insert into events (stream, seq, id, type, time, operation_id, body, previous_hash, hash)
      values (stream_id, at, event_id, event ->> 'type', moment, (event ->> 'operation')::uuid, body, previous,
        encode(sha256(convert_to(previous || E'\n' || body, 'UTF8')), 'hex'))
      returning hash into previous;
  end loop;
  insert into deliveries (stream, destination, head) values (stream_id, 'governance', at)
    on conflict (stream, destination) do update set head = excluded.head;
  perform from deliveries where stream = stream_id and destination <> 'governance' order by destination for update;
  update deliveries set head = at where stream = stream_id and destination <> 'governance';
  update event_streams set seq = at, head = previous where id = stream_id;
  return at;
end $$;

-- A new side is standby in the registry as in the data database.
alter table placements drop constraint placements_state_check;
update placements set state = 'standby' where state = 'pending';
alter table placements
  alter column state set default 'standby',
  add constraint placements_state_check check (state in ('standby', 'active', 'suspended', 'released'));
