import '../../environment.ts';
import 'postgraphile';

type Key = { readonly attributeName: string };

/**
 * Names the fields of ids and of relations. `id` is the uuid and `nodeId` the Relay id. A composite
 * key `(tenant_id, x_id)` is named after `x_id` alone, since every row that a caller sees is of the
 * tenant of the caller.
 */
export const NamingPlugin: GraphileConfig.Plugin = {
  name: 'HowdahNamingPlugin',
  version: '1.0.0',
  inflection: {
    replace: {
      // the singular of bases is taken for basis
      singularize: (previous, _options, word) =>
        /bases$/i.test(word) ? word.slice(0, -1) : (previous?.(word) ?? word),
      nodeIdFieldName: () => 'nodeId',
      _attributeName: (previous, _options, details) =>
        previous?.({ ...details, skipRowId: true }) ?? details.attributeName,
      _joinAttributeNames: (previous, _options, codec, names) =>
        previous?.(
          codec,
          withoutTenant(names, (name) => name),
        ) ?? names.join('-and-'),
      _getBaseNameFromKeys: (previous, _options, keys) =>
        previous?.(withoutTenant(keys, (key: Key) => key.attributeName)) ?? null,
    },
  },
};

function withoutTenant<T>(parts: readonly T[], nameOf: (part: T) => string): T[] {
  const others = parts.filter((part) => nameOf(part) !== 'tenant_id');
  return others.length > 0 ? others : [...parts];
}
