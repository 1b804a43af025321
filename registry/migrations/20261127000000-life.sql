-- When a deleted tenant is purged.
alter table tenants add column purge_after timestamptz null;
