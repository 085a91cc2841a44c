-- Up Migration
-- it returns the number of rows by table
drop function if exists howdah_private.delete_rows_of_user(howdah.users);

-- Down Migration
drop function if exists howdah_private.delete_rows_of_user(howdah.users);
drop function if exists howdah_private.delete_own_rows(howdah.users);
