-- Returns the modalities of a model that a version records: `images` and `audio` if results of
-- tools may be shown to the model in that form. The author of an input knows the model, but no
-- author chooses what a tool returns, and a model without the modality would refuse the whole
-- request.
create or replace function howdah_private.tool_modalities(capabilities jsonb) returns jsonb
  language sql immutable
  return (
    case when tool_modalities.capabilities @> '{"images": true}'
      then '{"images": true}' else '{}' end::jsonb
    || case when tool_modalities.capabilities @> '{"audio": true}'
      then '{"audio": true}' else '{}' end::jsonb);
