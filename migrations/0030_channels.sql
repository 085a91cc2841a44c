-- Up Migration
-- LISTEN and NOTIFY have no rights: whoever knows the name of a channel hears what is said on it, and says what he likes.
-- So what is not for everybody goes over channels whose names nobody knows but those who may.
create table howdah_private.channels (
  is_current boolean primary key default true,
  suffix text not null default replace(gen_random_uuid()::text, '-', ''),
  constraint there_is_one check (is_current)
);
alter table howdah_private.channels enable row level security, force row level security;
comment on table howdah_private.channels is 'The end of the names of the channels of the live feed, other in each database. Who reaps workers locks its row.';

-- Down Migration
drop table howdah_private.channels;
