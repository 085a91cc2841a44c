-- Up Migration
-- Records which secrets follow a variable of the environment, so that a new value of the variable
-- replaces them, and values that people stored stay.

alter table howdah.secrets add column from_environment boolean not null default false;
comment on column howdah.secrets.from_environment is
  'True while the secret follows a tool key of the environment, such as GITHUB_TOKEN. Storing a '
  'value by hand makes it false.';

-- Down Migration
alter table howdah.secrets drop column from_environment;
