import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { countRows } from '../../support/work/count-rows.ts';
import { all, one, refusal, rolledBack, testClient } from '../support.ts';

/** Cron expression, time zone, start, and the times that follow in UTC. */
type Case = [cron: string, timezone: string, after: string, times: string];

const THURSDAY = '2026-01-15T10:07Z';

const FIELDS: Case[] = [
  ['* * * * *', 'UTC', THURSDAY, '2026-01-15T10:08 2026-01-15T10:09 2026-01-15T10:10'],
  ['*/15 * * * *', 'UTC', THURSDAY, '2026-01-15T10:15 2026-01-15T10:30 2026-01-15T10:45'],
  ['*/60 * * * *', 'UTC', THURSDAY, '2026-01-15T11:00 2026-01-15T12:00'],
  ['5 * * * *', 'UTC', THURSDAY, '2026-01-15T11:05 2026-01-15T12:05'],
  ['7 10 * * *', 'UTC', THURSDAY, '2026-01-16T10:07 2026-01-17T10:07'],
  ['0 9 * * *', 'UTC', THURSDAY, '2026-01-16T09:00 2026-01-17T09:00'],
  ['30 9,17 * * *', 'UTC', THURSDAY, '2026-01-15T17:30 2026-01-16T09:30 2026-01-16T17:30'],
  ['0 9-17/4 * * *', 'UTC', THURSDAY, '2026-01-15T13:00 2026-01-15T17:00 2026-01-16T09:00'],
  ['10-20/5 11 * * *', 'UTC', THURSDAY, '2026-01-15T11:10 2026-01-15T11:15 2026-01-15T11:20'],
  ['50/5 10 * * *', 'UTC', THURSDAY, '2026-01-15T10:50 2026-01-15T10:55 2026-01-16T10:50'],
  ['3,1,2,1 4 * * *', 'UTC', THURSDAY, '2026-01-16T04:01 2026-01-16T04:02 2026-01-16T04:03'],
  ['  0\t9  *  * *  ', 'UTC', THURSDAY, '2026-01-16T09:00'],
  ['0 9 * * 1-5', 'UTC', THURSDAY, '2026-01-16T09:00 2026-01-19T09:00 2026-01-20T09:00'],
  ['0 9 * * MON-FRI', 'UTC', '2026-01-16T12:00Z', '2026-01-19T09:00 2026-01-20T09:00'],
  ['0 9 * * mon,Wed,FRI', 'UTC', THURSDAY, '2026-01-16T09:00 2026-01-19T09:00 2026-01-21T09:00'],
  ['0 0 * * 0', 'UTC', THURSDAY, '2026-01-18T00:00 2026-01-25T00:00'],
  ['0 0 * * 7', 'UTC', THURSDAY, '2026-01-18T00:00 2026-01-25T00:00'],
  ['0 0 * * SUN', 'UTC', THURSDAY, '2026-01-18T00:00 2026-01-25T00:00'],
  ['0 0 * * 5-7', 'UTC', THURSDAY, '2026-01-16T00:00 2026-01-17T00:00 2026-01-18T00:00'],
  ['0 0 * * FRI-SUN', 'UTC', THURSDAY, '2026-01-16T00:00 2026-01-17T00:00 2026-01-18T00:00'],
  ['0 0 * * SUN-TUE', 'UTC', THURSDAY, '2026-01-18T00:00 2026-01-19T00:00 2026-01-20T00:00'],
  ['0 0 * * 1-5/2', 'UTC', THURSDAY, '2026-01-16T00:00 2026-01-19T00:00 2026-01-21T00:00'],
  ['0 0 1 * *', 'UTC', THURSDAY, '2026-02-01T00:00 2026-03-01T00:00 2026-04-01T00:00'],
  ['0 0 31 * *', 'UTC', THURSDAY, '2026-01-31T00:00 2026-03-31T00:00 2026-05-31T00:00'],
  ['0 12 15 JAN,JUL *', 'UTC', THURSDAY, '2026-01-15T12:00 2026-07-15T12:00 2027-01-15T12:00'],
  ['0 0 1 */3 *', 'UTC', THURSDAY, '2026-04-01T00:00 2026-07-01T00:00 2026-10-01T00:00'],
  ['0 0 1 2-6/2 *', 'UTC', THURSDAY, '2026-02-01T00:00 2026-04-01T00:00 2026-06-01T00:00'],
  ['0 0 */10 * *', 'UTC', THURSDAY, '2026-01-21T00:00 2026-01-31T00:00 2026-02-01T00:00'],
  ['@hourly', 'UTC', THURSDAY, '2026-01-15T11:00 2026-01-15T12:00'],
  ['@Daily', 'UTC', THURSDAY, '2026-01-16T00:00 2026-01-17T00:00'],
  ['@weekly', 'UTC', THURSDAY, '2026-01-18T00:00 2026-01-25T00:00'],
  ['@monthly', 'UTC', THURSDAY, '2026-02-01T00:00 2026-03-01T00:00'],
  ['@yearly', 'UTC', THURSDAY, '2027-01-01T00:00 2028-01-01T00:00'],
];

const DAYS: Case[] = [
  // If both kinds of days are restricted, either of them suffices.
  [
    '0 0 13 * FRI',
    'UTC',
    '2026-02-10T00:00Z',
    '2026-02-13T00:00 2026-02-20T00:00 2026-02-27T00:00',
  ],
  ['0 0 1,15 * MON', 'UTC', '2026-01-26T00:00Z', '2026-02-01T00:00 2026-02-02T00:00'],
  ['0 0 29 FEB MON', 'UTC', '2026-02-22T00:00Z', '2026-02-23T00:00 2027-02-01T00:00'],
  // A field that starts with a star restricts nothing, but its step counts.
  ['0 0 */2 * MON', 'UTC', THURSDAY, '2026-01-19T00:00 2026-02-09T00:00 2026-02-23T00:00'],
  ['0 0 29 2 *', 'UTC', THURSDAY, '2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00'],
  ['0 0 29 2 *', 'UTC', '2096-03-01T00:00Z', '2104-02-29T00:00'],
  ['0 0 30 2 *', 'UTC', THURSDAY, ''],
  ['0 0 31 4,6,9,11 *', 'UTC', THURSDAY, ''],
];

const BERLIN = 'Europe/Berlin';
const NEW_YORK = 'America/New_York';

const ZONES: Case[] = [
  ['0 9 * * *', BERLIN, THURSDAY, '2026-01-16T08:00 2026-01-17T08:00'],
  ['0 9 * * *', 'Asia/Kolkata', THURSDAY, '2026-01-16T03:30 2026-01-17T03:30'],
  ['0 0 31 12 *', 'Pacific/Auckland', THURSDAY, '2026-12-30T11:00 2027-12-30T11:00'],
  ['0 9 * * *', BERLIN, '2026-03-28T00:00Z', '2026-03-28T08:00 2026-03-29T07:00 2026-03-30T07:00'],
];

// Berlin goes from 2:00 to 3:00 at 2026-03-29T01:00Z. New York does so at 2026-03-08T07:00Z.
const SPRING: Case[] = [
  ['30 2 * * *', BERLIN, '2026-03-28T00:00Z', '2026-03-28T01:30 2026-03-29T01:00 2026-03-30T00:30'],
  ['0,30 2 * * *', BERLIN, '2026-03-28T12:00Z', '2026-03-29T01:00 2026-03-30T00:00'],
  ['* 2 * * *', BERLIN, '2026-03-28T12:00Z', '2026-03-29T01:00 2026-03-30T00:00'],
  ['0 2,3 * * *', BERLIN, '2026-03-28T12:00Z', '2026-03-29T01:00 2026-03-30T00:00'],
  ['0 3 * * *', BERLIN, '2026-03-28T12:00Z', '2026-03-29T01:00 2026-03-30T01:00'],
  [
    '*/30 * * * *',
    BERLIN,
    '2026-03-29T00:00Z',
    '2026-03-29T00:30 2026-03-29T01:00 2026-03-29T01:30',
  ],
  ['30 * * * *', BERLIN, '2026-03-28T23:45Z', '2026-03-29T00:30 2026-03-29T01:30 2026-03-29T02:30'],
  [
    '0 */2 * * *',
    BERLIN,
    '2026-03-28T22:30Z',
    '2026-03-28T23:00 2026-03-29T02:00 2026-03-29T04:00',
  ],
  ['30 2 * * *', NEW_YORK, '2026-03-07T12:00Z', '2026-03-08T07:00 2026-03-09T06:30'],
  [
    '*/20 * * * *',
    NEW_YORK,
    '2026-03-08T06:30Z',
    '2026-03-08T06:40 2026-03-08T07:00 2026-03-08T07:20',
  ],
  ['0 0 * * *', 'America/Havana', '2026-03-07T12:00Z', '2026-03-08T05:00 2026-03-09T04:00'],
  ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T18:00Z', '2026-10-03T15:30 2026-10-04T15:15'],
  // A day that a change of time zone skipped.
  ['0 9 30 12 *', 'Pacific/Apia', '2011-12-28T12:00Z', '2011-12-30T10:00'],
];

// Berlin goes from 3:00 to 2:00 at 2026-10-25T01:00Z. New York goes from 2:00 to 1:00 at
// 2026-11-01T06:00Z.
const AUTUMN: Case[] = [
  ['30 2 * * *', BERLIN, '2026-10-24T00:00Z', '2026-10-24T00:30 2026-10-25T00:30 2026-10-26T01:30'],
  ['30 2 * * *', BERLIN, '2026-10-25T00:45Z', '2026-10-26T01:30'],
  [
    '*/30 2 * * *',
    BERLIN,
    '2026-10-24T22:00Z',
    '2026-10-25T00:00 2026-10-25T00:30 2026-10-26T01:00',
  ],
  ['0 3 * * *', BERLIN, '2026-10-24T12:00Z', '2026-10-25T02:00 2026-10-26T02:00'],
  [
    '*/30 * * * *',
    BERLIN,
    '2026-10-25T00:15Z',
    '2026-10-25T00:30 2026-10-25T01:00 2026-10-25T01:30',
  ],
  ['0 * * * *', BERLIN, '2026-10-24T23:30Z', '2026-10-25T00:00 2026-10-25T01:00 2026-10-25T02:00'],
  ['30 1 * * *', NEW_YORK, '2026-10-31T12:00Z', '2026-11-01T05:30 2026-11-02T06:30'],
  [
    '15 * * * *',
    NEW_YORK,
    '2026-11-01T04:30Z',
    '2026-11-01T05:15 2026-11-01T06:15 2026-11-01T07:15',
  ],
  [
    '0 0-23 * * *',
    NEW_YORK,
    '2026-11-01T04:30Z',
    '2026-11-01T05:00 2026-11-01T06:00 2026-11-01T07:00',
  ],
  ['*/15 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:50Z', '2026-04-04T15:00 2026-04-04T15:15'],
];

/** Rejected expressions, with a part of the message, and the rejected field. */
const REFUSED: [cron: string | null, message: string, part: string | null][] = [
  [null, 'cron: the expression is missing', null],
  ['', 'cron: the expression is missing', null],
  ['* * * *', "cron: '* * * *' has 4 fields, not five", null],
  ['0 0 9 * * *', "cron: '0 0 9 * * *' has 6 fields, not five", null],
  ['@reboot', "cron: '@reboot' is not known", null],
  ['60 * * * *', 'cron: minute 60 is not between 0 and 59', 'minute'],
  ['0 24 * * *', 'cron: hour 24 is not between 0 and 23', 'hour'],
  ['0 0 0 * *', 'cron: day-of-month 0 is not between 1 and 31', 'day-of-month'],
  ['0 0 32 * *', 'cron: day-of-month 32 is not between 1 and 31', 'day-of-month'],
  ['0 0 1 13 *', 'cron: month 13 is not between 1 and 12', 'month'],
  ['0 0 * * 8', 'cron: day-of-week 8 is not between 0 and 7', 'day-of-week'],
  ['0 0 * MON *', "cron: month 'MON' is not a number or one of JAN, FEB", 'month'],
  ['0 0 * * FUN', "cron: day-of-week 'FUN' is not a number or one of SUN, MON", 'day-of-week'],
  ['JAN * * * *', "cron: minute 'JAN' is not a number", 'minute'],
  [
    '0 0 * * MONDAY',
    "cron: day-of-week 'MONDAY' is not a number, name, range or step",
    'day-of-week',
  ],
  ['0 0 * JULY *', "cron: month 'JULY' is not a number, name, range or step", 'month'],
  ['0 0 L * *', "cron: day-of-month 'L': L, W, # and ? are not supported", 'day-of-month'],
  ['0 0 15W * *', "cron: day-of-month '15W': L, W, # and ? are not supported", 'day-of-month'],
  ['0 0 * * FRI#2', "cron: day-of-week 'FRI#2': L, W, # and ? are not supported", 'day-of-week'],
  ['0 0 ? * 1', "cron: day-of-month '?': L, W, # and ? are not supported", 'day-of-month'],
  ['0 22-2 * * *', "cron: hour '22-2' runs backwards: write 22-23,0-2", 'hour'],
  ['*/0 * * * *', "cron: the step of minute '*/0' is not between 1 and 60", 'minute'],
  ['0 0 * * */8', "cron: the step of day-of-week '*/8' is not between 1 and 7", 'day-of-week'],
  ['*/90 * * * *', "cron: the step of minute '*/90' is not between 1 and 60", 'minute'],
  ['1,,2 * * * *', "cron: minute '1,,2' has an empty item", 'minute'],
  ['-5 * * * *', "cron: minute '-5' is not a number, name, range or step", 'minute'],
  ['1.5 * * * *', "cron: minute '1.5' is not a number, name, range or step", 'minute'],
  ['99999999999 * * * *', "cron: minute '99999999999' is not a number", 'minute'],
];

describe('schedule_times', () => {
  const db = testDatabase();

  const timesOf = async (cron: string, timezone: string, after: string, count: number) =>
    (
      await all(db.pool, 'select t from howdah.schedule_times($1, $2, $3, $4) as t', [
        cron,
        timezone,
        after,
        count,
      ])
    ).map(({ t }) => t.toISOString().slice(0, 16));
  const gives = async (cron: string, timezone: string, after: string, times: string) => {
    const expected = times.split(' ').filter((time) => time !== '');
    expect(await timesOf(cron, timezone, after, Math.max(expected.length, 1))).toEqual(expected);
  };

  test.each(FIELDS)('reads %s (%s, after %s)', gives);
  test.each(DAYS)('combines the days of %s (%s, after %s)', gives);
  test.each(ZONES)('reads %s in %s, after %s', gives);
  test.each(SPRING)(
    'runs %s of %s once after the gap, intervals continue in rhythm (after %s)',
    gives,
  );
  test.each(AUTUMN)(
    'runs %s of %s once in the repeated hour, intervals continue in rhythm (after %s)',
    gives,
  );

  test.each(REFUSED)('rejects %s', async (cron, message, part) => {
    const refused = await refusal(db.pool.query('select howdah.schedule_times($1)', [cron]));
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(message),
      hint: expect.stringContaining("'0 9 * * MON-FRI'"),
    });
    expect(refused.fields).toMatchObject({ field: 'cron', part });
  });

  test('rejects an expression of over 1000 characters', async () => {
    expect(
      await refusal(db.pool.query('select howdah.schedule_times($1)', ['1,'.repeat(600)])),
    ).toMatchObject({
      code: 'HWINV',
      message: 'cron: the expression has 1200 characters, at most 1000 are allowed',
    });
  });

  test.each([
    ['europe/berlin', "Did you mean 'Europe/Berlin'?"],
    ['Berlin', "Did you mean 'Europe/Berlin'?"],
    ['New York', "Did you mean 'America/New_York'?"],
    ['Germany/Berlin', "Did you mean 'Europe/Berlin'?"],
    ['Mars/Olympus', 'Use a name of pg_timezone_names'],
    ['CEST', 'Use a name of pg_timezone_names'],
    ['Foo/Bar+3', 'Use a name of pg_timezone_names'],
    ['+02', 'Use a name of pg_timezone_names'],
    ['', 'Use a name of pg_timezone_names'],
  ])('rejects the time zone %s', async (timezone, hint) => {
    const refused = await refusal(
      db.pool.query(`select howdah.schedule_times('@daily', $1)`, [timezone]),
    );
    expect(refused).toMatchObject({ code: 'HWINV', hint: expect.stringContaining(hint) });
    expect(refused.fields).toMatchObject({ field: 'timezone' });
  });

  test.each([
    'UTC',
    'Europe/Berlin',
    'America/Argentina/Buenos_Aires',
    'Etc/GMT-14',
    'EST5EDT',
    'America/Port-au-Prince',
  ])('accepts the time zone %s', async (timezone) => {
    expect(await timesOf('@daily', timezone, THURSDAY, 1)).toHaveLength(1);
  });

  test('returns five times from now by default, and at most a thousand', async () => {
    const times = await all(
      db.pool,
      `select t, t > now() as is_next from howdah.schedule_times('@daily') as t`,
    );
    expect(times.map((time) => time.is_next)).toEqual([true, true, true, true, true]);
    const nulls = `select from howdah.schedule_times('@daily', null, null, null)`;
    expect(await all(db.pool, nulls)).toHaveLength(5);
    expect(await timesOf('* * * * *', 'UTC', THURSDAY, 1000)).toHaveLength(1000);
    for (const count of [0, 1001]) {
      expect(
        await refusal(
          db.pool.query(`select howdah.schedule_times('@daily', count => $1)`, [count]),
        ),
      ).toMatchObject({ code: 'HWINV', fields: { field: 'count' } });
    }
    expect(
      await refusal(db.pool.query(`select howdah.schedule_times('@daily', after => 'infinity')`)),
    ).toMatchObject({ code: 'HWINV', fields: { field: 'after', value: 'infinity' } });
  });

  test('is independent of the time zone and date style of the session', async () => {
    const client = await testClient(db.pool);
    await client.query(`set timezone = 'America/New_York'; set datestyle = 'German'`);
    const { same } = await one(
      client,
      `select array_agg(t order by t) = array['2026-04-01 22:00Z', '2026-05-01 22:00Z']::timestamptz[] as same
       from howdah.schedule_times('0 0 2 * *', 'Europe/Berlin', '2026-03-20 12:00Z', 2) as t`,
    );
    expect(same).toBe(true);
  });

  test('returns the same times backwards, in reverse', async () => {
    for (const [cron, timezone] of [...SPRING, ...AUTUMN, ...FIELDS]) {
      const { same, many } = await one(
        db.pool,
        `with bounds as (select '2026-01-31T00:00Z'::timestamptz as since, '2026-11-10T00:00Z'::timestamptz as until),
         forwards as (
           select array_agg(t order by t) as times from bounds as b
           cross join howdah_private.cron_times($1, $2, b.since, b.until, 1000000) as t
         ),
         backwards as (
           select array_agg(t order by place desc) as times from bounds as b
           cross join howdah_private.cron_times($1, $2, b.since, b.until, 1000000, true) with ordinality as x (t, place)
         )
         select f.times is not distinct from b.times as same, coalesce(cardinality(f.times), 0) as many
         from forwards as f, backwards as b`,
        [cron, timezone],
      );
      expect({ cron, timezone, same }).toEqual({ cron, timezone, same: true });
      expect(many > 0 || cron === '@yearly' || cron === '0 9 30 12 *').toBe(true);
    }
  });

  test('is cheap enough for frequent calls', async () => {
    await rolledBack(db.pool, async (client) => {
      const rows = await countRows(client, async () => {
        const { found } = await one(
          client,
          `select count(t)::int as found from generate_series(1, 200) as n
           cross join lateral howdah.schedule_times(
             '0 9 * * MON-FRI', 'Europe/Berlin', now() + n * interval '1 day') as t`,
        );
        expect(found).toBe(1_000);
      });
      expect(rows / 200).toBeLessThan(1_000);
    });
  });
});
