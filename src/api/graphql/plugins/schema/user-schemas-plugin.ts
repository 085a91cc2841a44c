import '../../environment.ts';
import 'postgraphile';

const OWN = 'howdah';
const READ_ONLY = ['-insert', '-update', '-delete', '-mutationField'] as const;

/**
 * Makes the schemas of users read-only: their tables have no mutations, and functions that may
 * write have no field. A smart tag such as `@behavior +insert` on a table allows more.
 */
export const UserSchemasPlugin: GraphileConfig.Plugin = {
  name: 'HowdahUserSchemasPlugin',
  version: '1.0.0',
  schema: {
    entityBehavior: {
      pgResource: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, resource) => (isOwn(resource) ? behavior : [behavior, ...READ_ONLY]),
        },
      },
      pgResourceUnique: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [resource]) =>
            isOwn(resource) ? behavior : [behavior, '-update', '-delete'],
        },
      },
    },
  },
};

type Pgish = { extensions?: { pg?: { schemaName: string } } | undefined };

/** Returns whether a table, function or type is in the schema `howdah`. */
export function isOwn(entity: unknown): boolean {
  const schema = (entity as Pgish).extensions?.pg?.schemaName;
  return schema === undefined || schema === OWN;
}

/** Returns whether a table of the introspection is in the schema `howdah`. */
export function isOwnTable(
  table: { getNamespace(): { nspname: string } | undefined } | undefined,
): boolean {
  return table?.getNamespace()?.nspname === OWN;
}
