create table customers (
  id bigint generated always as identity primary key,
  email text not null unique check (email like '%_@_%'),
  name text not null,
  created_at timestamptz not null default now()
);
