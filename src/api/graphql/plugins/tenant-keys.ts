import '../environment.ts';
import 'postgraphile';

/**
 * Unique keys `(tenant_id, …)` exist for composite foreign keys, not for people: they give no accessors and no
 * mutations, and the column neither filters nor sorts, since it has one value for every caller. It stands behind the run
 * in the keys of the log, so that others' rows are not even looked at; what remains is as unique, since the rest of the key has but one tenant.
 */
export const TenantKeysPlugin: GraphileConfig.Plugin = {
  name: 'HowdahTenantKeysPlugin',
  version: '1.0.0',
  gather: {
    hooks: {
      pgTables_PgResourceOptions(_info, { resourceOptions }) {
        resourceOptions.uniques = (resourceOptions.uniques ?? []).map((unique) =>
          unique.isPrimary && unique.attributes[0] !== 'tenant_id'
            ? { ...unique, attributes: unique.attributes.filter((name) => name !== 'tenant_id') }
            : unique,
        );
      },
    },
  },
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
