// What is known of the length of a function's result. Functions such as `repeat` have namesakes in
// the schema howdah_bounded, which check the length. Functions of neither list must return values
// of a fixed size, which howdah_private.refused_calls looks up.

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
  overlay percentile_cont percentile_disc pg_size_pretty phraseto_tsquery plainto_tsquery querytree range_intersect_agg
  regexp_match regexp_split_to_table regexp_substr reverse right rtrim set_bit set_byte setweight sha224 sha256 sha384
  sha512 similar_escape similar_to_escape split_part string_to_table strip substr substring text timeofday to_ascii
  to_bin to_char to_hex to_oct to_tsquery translate trim_array ts_delete ts_filter unistr unnest upper varbit varchar
  websearch_to_tsquery xmlcomment xml`
    .split(/\s+/)
    .map((name) => [name, 1] as const),
  ...`array_to_json json_build_array json_build_object json_object jsonb_build_array jsonb_build_object jsonb_object
  json_to_tsvector jsonb_to_tsvector quote_ident quote_literal quote_nullable row_to_json to_json to_jsonb
  to_tsvector xmltext`
    .split(/\s+/)
    .map((name) => [name, 2] as const),
  ...`encode normalize parse_ident regexp_matches regexp_split_to_array string_to_array ts_headline tsvector_to_array`
    .split(/\s+/)
    .map((name) => [name, 8] as const),
]);

/** Functions with a namesake in howdah_bounded. */
export const BOUNDED: ReadonlySet<string> = new Set(
  `array_agg array_append array_cat array_fill array_prepend array_to_string json_agg json_agg_strict jsonb_agg
  jsonb_agg_strict lpad regexp_replace repeat replace rpad string_agg`.split(/\s+/),
);

/** The bound on the length of a function's result. */
export type ResultLength = 'passing' | 'bounded' | 'unknown';

/** Returns what is known of the result of a function by its name. */
export function resultLength(name: string): ResultLength {
  if (Object.hasOwn(FACTORS, name)) return 'passing';
  return BOUNDED.has(name) ? 'bounded' : 'unknown';
}
