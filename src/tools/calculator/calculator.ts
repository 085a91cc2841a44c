import type { BuiltinTool } from '../../contracts/agents/tool.ts';
import { invalidArguments } from '../parse-arguments.ts';
import { ExpressionError, evaluate } from './decimal-expression.ts';

/** The tool `calculator {expression}`. The result is the value as text, with all its digits. */
export const calculatorTool: BuiltinTool = {
  name: 'calculator',
  async run({ expression }) {
    try {
      return { ok: true, value: evaluate(String(expression)) };
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      return { ok: false, error: invalidArguments(`expression: ${error.message}`) };
    }
  },
};
