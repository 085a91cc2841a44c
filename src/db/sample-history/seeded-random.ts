/**
 * Returns functions of the seed and the number of a run. Everything in a sample history derives
 * from them, so that the result is the same whichever writer writes which part. `chance` returns 0
 * ≤ x < 1 and is one expression, which Postgres inlines.
 */
export function chanceFunctions(seed: number): string {
  return `
    create function pg_temp.hash_of(n bigint, salt int) returns bigint language sql immutable
      as 'select hashint8extended(n, ${seed} * 1000::bigint + salt)';
    create function pg_temp.chance(n bigint, salt int) returns float8 language sql immutable
      as 'select (hashint8extended(n, ${seed} * 1000::bigint + salt) & 1073741823) / 1073741824.0::float8';
    create function pg_temp.id_at(moment timestamptz, n bigint, salt int) returns uuid language sql immutable
      as $$ select (lpad(to_hex((date_part('epoch', moment) * 1000)::bigint), 12, '0') || '7'
        || substr(to_hex(hashint8extended(n, ${seed} * 1000::bigint + salt) | (1::bigint << 62)), 2, 3) || '8'
        || substr(to_hex(hashint8extended(n, ${seed} * 1000::bigint + salt + 500) | (1::bigint << 62)), 2, 15))::uuid $$;
    create function pg_temp.tokens_in(n bigint, round int) returns int language sql immutable
      as 'select 200 + 180 * round + (hashint8extended(n * 4096 + round, 31) & 255)::int';
    create function pg_temp.tokens_out(n bigint, round int) returns int language sql immutable
      as 'select 20 + (hashint8extended(n * 4096 + round, 32) & 511)::int';
    create function pg_temp.tool_of(n bigint, round int) returns int language sql immutable
      as 'select 1 + floor(12 * power((hashint8extended(n * 4096 + round, 33) & 65535) / 65536.0::float8, 2))::int'`;
}

/**
 * Number of texts that a run may draw from. Their lengths are log-normal around 160 characters, at
 * most 8,000.
 */
export const TEXT_COUNT = 4096;

export const SAMPLE_TEXTS = `
  create temp table sample_texts as
  select t.id, left((
    select string_agg((array['order', 'the', 'customer', 'was', 'sent', 'on', 'Monday', 'invoice', 'and', 'we',
      'refund', 'a', 'delivery', 'late', 'parcel', 'of', 'status', 'open', 'warehouse', 'in', 'Porto', 'Graz', 'asks',
      'for', 'total', 'price', 'to', 'is', 'answered', 'ticket', 'by', 'team'])[1 + (pg_temp.hash_of(t.id * 4096 + w, 41) & 31)]
      || case pg_temp.hash_of(t.id * 4096 + w, 42) & 7 when 0 then ' ' || (pg_temp.hash_of(t.id * 4096 + w, 43) & 65535) else '' end,
      ' ')
    from generate_series(1, 1 + t.length / 5) as w
  ), t.length) as body
  from (
    select i::bigint as id, least(8000, greatest(12, exp(5.1 + 1.1 * 1.732 * (pg_temp.chance(i, 44) + pg_temp.chance(i, 45)
      + pg_temp.chance(i, 46) + pg_temp.chance(i, 47) - 2))))::int as length
    from generate_series(0, ${TEXT_COUNT - 1}) as i
  ) as t;
  alter table sample_texts add primary key (id)`;
