import type { SharedV4ProviderOptions } from '@ai-sdk/provider';
import { isJsonObject, type JsonObject } from '../../json/json.ts';

/**
 * The amount of thinking. The budget is in tokens, and 0 turns thinking off. `isExact` says
 * that the model names the budget, and not the effort.
 */
export type Reasoning = { effort: string; budget: number; isExact?: true };

/** Models of Claude that decide themselves how long to think, and take an effort. */
const ADAPTIVE = /claude-((opus|sonnet|haiku)-4-[6-9]|[a-z]+-([5-9]|\d\d))(?!\d)/;

/** Returns whether the thinking of a model has an effort in place of a budget. */
export function isAdaptive(vendor: string, model: string, { isExact }: Reasoning): boolean {
  const isClaude = vendor === 'anthropic' || vendor === 'amazon-bedrock';
  return isClaude && !isExact && ADAPTIVE.test(model);
}

/** The budget of each effort, for vendors that take a number of tokens. */
const BUDGETS: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 1_024,
  low: 2_048,
  medium: 8_192,
  high: 24_576,
};

/**
 * Reads `reasoning_effort` (OpenAI's form) or `thinking` (Anthropic's form) from the parameters of
 * a model. Returns undefined if there is neither.
 */
export function reasoningIn({ reasoning_effort, thinking }: JsonObject): Reasoning | undefined {
  if (isJsonObject(thinking)) {
    const budget = thinking.budget_tokens ?? thinking.budgetTokens;
    if (thinking.type === 'disabled') return { effort: 'none', budget: 0 };
    if (typeof budget === 'number') return { effort: effortOf(budget), budget, isExact: true };
  }
  const effort = typeof reasoning_effort === 'string' ? reasoning_effort : undefined;
  const budget = effort === undefined ? undefined : BUDGETS[effort];
  return effort === undefined || budget === undefined ? undefined : { effort, budget };
}

/** Returns the lowest effort whose budget is enough. */
function effortOf(budget: number): string {
  const found = Object.entries(BUDGETS).find(([, tokens]) => tokens >= budget);
  return found?.[0] ?? 'high';
}

/** Returns the name under which the package of a vendor expects its options. */
export function optionsName(vendor: string): string {
  const names: Readonly<Record<string, string>> = {
    'amazon-bedrock': 'bedrock',
    azure: 'openai',
    'google-vertex': 'google',
  };
  return names[vendor] ?? vendor;
}

/**
 * Returns the options by which a vendor turns thinking on or off. They are numbers where the vendor
 * takes numbers, because the general option of the AI SDK allows up to 38,400 tokens. The name of a
 * deployment of Azure does not say whether its model thinks.
 */
export function reasoningOptions(
  vendor: string,
  model: string,
  reasoning: Reasoning,
): SharedV4ProviderOptions[string] {
  const { effort, budget } = reasoning;
  const isOn = budget > 0;
  const type = isOn ? 'enabled' : 'disabled';
  const reasoningEffort = effort === 'minimal' ? 'low' : effort;
  if (isOn && isAdaptive(vendor, model, reasoning)) return adaptiveOptions(vendor, reasoningEffort);
  switch (vendor) {
    case 'anthropic':
      return { thinking: isOn ? { type, budgetTokens: budget } : { type } };
    case 'amazon-bedrock': {
      const isClaude = model.includes('claude');
      const depth = isClaude ? { budgetTokens: budget } : { maxReasoningEffort: reasoningEffort };
      return { reasoningConfig: isOn ? { type, ...depth } : { type } };
    }
    case 'google':
    case 'google-vertex':
      return { thinkingConfig: { thinkingBudget: budget, includeThoughts: isOn } };
    case 'cohere':
      return { thinking: isOn ? { type, tokenBudget: budget } : { type } };
    case 'deepseek':
      return { thinking: { type }, ...(isOn ? { reasoningEffort: twoSteps(effort) } : {}) };
    case 'azure':
      return { reasoningEffort, forceReasoning: true };
    default:
      return { reasoningEffort };
  }
}

/** Returns the options of a model of Claude that decides itself how long to think. */
function adaptiveOptions(vendor: string, effort: string): SharedV4ProviderOptions[string] {
  const thinking = { type: 'adaptive', display: 'summarized' };
  return vendor === 'anthropic'
    ? { thinking, effort }
    : { reasoningConfig: { ...thinking, maxReasoningEffort: effort } };
}

/** DeepSeek knows no effort between low and high. */
function twoSteps(effort: string): string {
  return effort === 'medium' || effort === 'high' ? 'high' : 'low';
}
