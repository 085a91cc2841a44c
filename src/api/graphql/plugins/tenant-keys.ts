import '../environment.ts';
import 'postgraphile';

/**
 * Unique keys `(tenant_id, …)` exist for composite foreign keys, not for people: they give no accessors and no
 * mutations, and the column neither filters nor sorts, since it has one value for every caller.
 */
export const TenantKeysPlugin: GraphileConfig.Plugin = {
  name: 'HowdahTenantKeysPlugin',
  version: '1.0.0',
  schema: {
    entityBehavior: {
      pgResourceUnique: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [, unique]) =>
            unique.attributes.includes('tenant_id')
              ? [behavior, '-single', '-update', '-delete']
              : behavior,
        },
      },
      pgCodecAttribute: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [, attributeName]) =>
            attributeName === 'tenant_id' ? [behavior, '-filterBy', '-orderBy'] : behavior,
        },
      },
    },
  },
};
