import '../../environment.ts';
import 'postgraphile';

/** Writes the value of a field into the plan of an insert or update, as Grafast calls it. */
type Apply = (target: unknown, value: unknown, ...rest: unknown[]) => unknown;

/**
 * Treats null for a column that cannot be null as an absent field: the column keeps its default or
 * its value. Clients that serialize classes send null for each field that is not set. REST does the
 * same by `omitNulls`.
 */
export const OmittedNullsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahOmittedNullsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLInputObjectType_fields_field(field, _build, { scope }) {
        const { apply } = field as { apply?: Apply };
        const { pgAttribute, isPgConnectionConditionInputField: isCondition } = scope;
        if (!apply || isCondition || !pgAttribute?.notNull) return field;
        return {
          ...field,
          apply: ((target, value, ...rest) =>
            value === null ? undefined : apply(target, value, ...rest)) satisfies Apply,
        };
      },
    },
  },
};
