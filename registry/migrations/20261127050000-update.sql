-- How a resource was before an operation that brings it to another spec, so that it can be put back as it was.
alter table resources add column spec_before jsonb null;
