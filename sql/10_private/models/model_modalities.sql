-- What a version says of a model's eyes and ears: `images` and `audio` where it is shown what of these tools bring, and nothing where it is not. Whoever writes an
-- input knows his model; what a tool brings, nobody has chosen, and a model without them would refuse the whole request.
create or replace function howdah_private.tool_modalities(capabilities jsonb) returns jsonb
  language sql immutable
  return (
    case when tool_modalities.capabilities @> '{"images": true}' then '{"images": true}' else '{}' end::jsonb
    || case when tool_modalities.capabilities @> '{"audio": true}' then '{"audio": true}' else '{}' end::jsonb);
