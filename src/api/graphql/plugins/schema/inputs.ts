import '../../environment.ts';
import 'postgraphile';
import {
  GraphQLEnumType,
  GraphQLError,
  GraphQLScalarType,
  Kind,
  type ValueNode,
} from 'postgraphile/graphql';
import { ExactNumber } from '../../../../json/exact-number.ts';
import { parseJson } from '../../../../json/parse-json.ts';

/** Most choices of an enum that a message lists. Enums of orders have hundreds. */
const MAX_CHOICES = 40;
const CHOICES = ' It has: ';

/** The texts that Postgres accepts as numbers, except NaN and Infinity. */
const numbers = {
  BigFloat: {
    form: /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i,
    fits: Number.isFinite,
    what: 'a number, such as 0.5 or "0.5", except NaN and Infinity',
  },
  BigInt: {
    form: /^[+-]?\d+$/,
    fits: Number.isSafeInteger,
    what: 'a whole number, such as 5 or "5"',
  },
} as const;

/**
 * Accepts JSON numbers for numeric types of Postgres, and rejects values that are not numbers.
 * Lists the choices of an enum in the error for an unknown value.
 */
export const InputsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahInputsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      finalize(schema) {
        for (const type of Object.values(schema.getTypeMap())) {
          if (type instanceof GraphQLEnumType) listChoices(type);
          else if (type instanceof GraphQLScalarType && type.name === 'JSON') keepDigits(type);
          else if (type instanceof GraphQLScalarType && isNumber(type.name)) {
            acceptNumbers(type, type.name);
          }
        }
        return schema;
      },
    },
  },
};

/** Removes the choices from a message, because they reveal the schema. */
export function withoutChoices(message: string): string {
  return message.split(CHOICES, 1)[0] as string;
}

function isNumber(name: string): name is keyof typeof numbers {
  return name in numbers;
}

function acceptNumbers(type: GraphQLScalarType, name: keyof typeof numbers): void {
  const { form, fits, what } = numbers[name];
  const notNumber = (nodes?: ValueNode) =>
    new GraphQLError(`${name} takes ${what}.`, nodes ? { nodes } : {});
  type.parseValue = (value) => {
    if (typeof value === 'string' && form.test(value)) return value;
    if (typeof value === 'number' && fits(value)) return `${value}`;
    if (value instanceof ExactNumber && form.test(value.text)) return value.text;
    throw notNumber();
  };
  type.parseLiteral = (node) => {
    const isNumeric =
      node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT;
    if (isNumeric && form.test(node.value)) return node.value;
    throw notNumber(node);
  };
}

/** Keeps the digits of a JSON number that is written in a query. `LongNumbersRule` has the rest. */
function keepDigits(type: GraphQLScalarType): void {
  const { parseLiteral } = type;
  type.parseLiteral = (node, variables) =>
    node.kind === Kind.INT || node.kind === Kind.FLOAT
      ? parseJson(node.value)
      : parseLiteral.call(type, node, variables);
}

function listChoices(type: GraphQLEnumType): void {
  const names = type.getValues().map(({ name }) => name);
  if (names.length > MAX_CHOICES || type.name.startsWith('__')) return;
  const withChoiceList = <A extends unknown[], R>(parse: (...args: A) => R) => {
    return (...args: A): R => {
      try {
        return parse.apply(type, args);
      } catch (error) {
        if (!(error instanceof GraphQLError)) throw error;
        const [message = ''] = error.message.split(' Did you mean ');
        const { nodes } = error;
        throw new GraphQLError(`${message}${CHOICES}${names.join(', ')}.`, nodes ? { nodes } : {});
      }
    };
  };
  type.parseValue = withChoiceList(type.parseValue);
  type.parseLiteral = withChoiceList(type.parseLiteral);
}
