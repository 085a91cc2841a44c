import '../environment.ts';
import {
  type ASTVisitor,
  GraphQLError,
  getNullableType,
  isLeafType,
  Kind,
  type ListValueNode,
  type ObjectValueNode,
  type ValidationContext,
  type ValueNode,
} from 'postgraphile/graphql';
import { ExactNumber } from '../../../json/exact-number.ts';
import { parseJson } from '../../../json/parse-json.ts';

/**
 * Rejects long numbers in lists and objects of JSON that are written in a query. Grafast reads them
 * as doubles. Variables keep all digits.
 */
export function LongNumbersRule(context: ValidationContext): ASTVisitor {
  const check = (node: ListValueNode | ObjectValueNode) => {
    const type = getNullableType(context.getInputType());
    const found = isLeafType(type) ? longNumberIn(node) : undefined;
    if (!found) return;
    const message = `${found.value} has too many digits for a number within a query.`;
    const extensions = { code: 'HWINV', hint: 'Pass the JSON as a variable.' };
    context.reportError(new GraphQLError(message, { nodes: found, extensions }));
  };
  return { ListValue: check, ObjectValue: check };
}

function longNumberIn(node: ValueNode): (ValueNode & { value: string }) | undefined {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return isLong(node.value) ? node : undefined;
    case Kind.LIST:
      return firstOf(node.values);
    case Kind.OBJECT:
      return firstOf(node.fields.map(({ value }) => value));
    default:
      return undefined;
  }
}

function firstOf(nodes: readonly ValueNode[]): (ValueNode & { value: string }) | undefined {
  for (const node of nodes) {
    const found = longNumberIn(node);
    if (found) return found;
  }
  return undefined;
}

function isLong(text: string): boolean {
  try {
    return parseJson(text) instanceof ExactNumber;
  } catch {
    return true; // an exponent that is too large
  }
}
