// The functions and operators that a query may call, with what is known of the length of their
// results. PostgreSQL does not interrupt a function that does not look for it. So each function
// here takes time in proportion to the length of its arguments, or looks for interrupts, or is
// named in short-arguments.ts. No other function of pg_catalog may be called, and none of an
// extension in C. Functions such as `repeat` have namesakes in the schema howdah_bounded, which
// check the length of the result.

/** Functions whose result is at most as long as their arguments together, times the factor. */
export const FACTORS: Readonly<Record<string, number>> = Object.fromEntries([
  ...`any_value array_dims array_positions array_remove array_reverse array_sort array_to_tsvector bit bpchar btrim
  bytea casefold char chr concat concat_ws convert convert_from convert_to decode enum_range first_value format
  format_type host abbrev initcap json_array_element json_array_element_text json_array_elements
  json_array_elements_text json_each json_each_text json_extract_path json_extract_path_text json_object_field
  json_object_field_text json_object_keys json_strip_nulls json_to_record json_to_recordset json_typeof
  jsonb_array_element jsonb_array_element_text jsonb_array_elements jsonb_array_elements_text jsonb_delete
  jsonb_delete_path jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert
  jsonb_object_field jsonb_object_field_text jsonb_object_keys jsonb_path_query jsonb_path_query_first
  jsonb_path_query_first_tz jsonb_path_query_tz jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record
  jsonb_to_recordset jsonb_typeof lag last_value lead left like_escape lower ltrim max md5 min mode name nth_value
  overlay path percentile_cont percentile_disc pg_size_pretty phraseto_tsquery plainto_tsquery polygon range_intersect_agg
  regexp_match regexp_split_to_table regexp_substr reverse right rtrim set_bit set_byte setweight sha224 sha256 sha384
  sha512 similar_escape similar_to_escape split_part string_to_table strip substr substring text timeofday to_ascii
  to_bin to_char to_hex to_oct to_tsquery translate trim_array ts_delete ts_filter unistr unnest upper varbit varchar
  websearch_to_tsquery`
    .split(/\s+/)
    .map((name) => [name, 1] as const),
  ...`array_to_json json_build_array json_build_object json_object jsonb_build_array jsonb_build_object jsonb_object
  json_to_tsvector jsonb_to_tsvector quote_ident quote_literal quote_nullable row_to_json to_json to_jsonb
  to_tsvector`
    .split(/\s+/)
    .map((name) => [name, 2] as const),
  ...`encode normalize parse_ident regexp_matches regexp_split_to_array string_to_array ts_headline tsvector_to_array`
    .split(/\s+/)
    .map((name) => [name, 8] as const),
]);

/** Functions and operators with a namesake in howdah_bounded. */
export const BOUNDED: ReadonlySet<string> = new Set(
  `|| + - <-> array_agg array_append array_cat array_fill array_prepend array_to_string json_agg json_agg_strict jsonb_agg
  jsonb_agg_strict lpad regexp_replace repeat replace rpad string_agg`.split(/\s+/),
);

/** Functions and aggregates whose result has a fixed size, and constructors of ranges. */
const FIXED: ReadonlySet<string> = new Set(
  `abs acos acosd acosh age area array_length array_lower array_ndims array_position array_upper ascii asin asind asinh
  atan atan2 atan2d atand atanh avg bit_and bit_count bit_length bit_or bit_xor bool bool_and bool_or bound_box box
  broadcast cardinality cbrt ceil ceiling center char_length character_length cidr circle clock_timestamp corr cos cosd
  cosh cot cotd count covar_pop covar_samp crc32 crc32c cume_dist date date_add date_bin date_part date_subtract
  date_trunc daterange datemultirange degrees dense_rank diagonal diameter div enum_first enum_last erf erfc every exp
  extract factorial family float4 float8 floor gamma gcd gen_random_uuid generate_series generate_subscripts get_bit
  get_byte hashint4 hashint8 hashtext hashtextextended height hostmask inet_merge inet_same_family int2 int4
  int4multirange int4range int8 int8multirange int8range interval is_normalized isclosed isempty isfinite ishorizontal
  isopen isparallel isperp isvertical json_array_length jsonb_array_length jsonb_path_exists jsonb_path_exists_tz
  jsonb_path_match jsonb_path_match_tz justify_days justify_hours justify_interval lcm length lgamma line ln log log10
  lower_inc lower_inf lseg macaddr macaddr8 macaddr8_set7bit make_date make_interval make_time make_timestamp
  make_timestamptz masklen min_scale mod money multirange netmask network now npoints ntile num_nonnulls num_nulls
  numeric nummultirange numnode numrange octet_length oid overlaps percent_rank pg_size_bytes pg_typeof pi point position
  pow power radians radius random random_normal range_merge rank regexp_count regexp_instr regexp_like regr_avgx
  regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy round row_number scale set_masklen
  sign sin sind sinh slope sqrt starts_with statement_timestamp stddev stddev_pop stddev_samp strpos sum tan tand tanh
  time timestamp timestamptz timetz timezone to_date to_number to_timestamp transaction_timestamp trim_scale trunc
  ts_rank ts_rank_cd tsmultirange tsrange tstzmultirange tstzrange unicode_assigned upper_inc upper_inf uuid
  uuid_extract_timestamp uuid_extract_version uuidv4 uuidv7 var_pop var_samp variance width width_bucket`.split(
    /\s+/,
  ),
);

/** Operators. The others compare or intersect paths and polygons, which may have many points. */
const OPERATORS: ReadonlySet<string> = new Set(
  `!! !~ !~* !~~ !~~* # #- #> #>> % & && &< &<| &> * / < << <<= <<| <= <> = > >= >> >>= ? ?& ?- ?-| ?| ?|| @ @-@ @> @?
  @@ @@@ <@ ^ ^@ | |&> |/ |>> ||/ -> ->> -|- ~ ~* ~~ ~~* <=> <#> <+> <~> <%>`.split(/\s+/),
);

/** The knowledge of the length of the results of a function or operator. */
export type Knowledge = 'known' | 'bounded' | 'unknown';

/** Returns what is known of a function or operator by its name. */
export function knowledgeOf(name: string): Knowledge {
  if (BOUNDED.has(name)) return 'bounded';
  return Object.hasOwn(FACTORS, name) || FIXED.has(name) || OPERATORS.has(name)
    ? 'known'
    : 'unknown';
}
