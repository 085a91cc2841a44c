-- Up Migration
-- What was answered to feedback is kept by its id alone from here on: these hold what somebody said. Sent again, the same feedback is given once more.
delete from howdah_private.request_keys where answer -> 'body' ? 'comment';

-- Down Migration
select 1;
