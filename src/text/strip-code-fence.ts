const FENCE = /^```(?:json|sql|postgres(?:ql)?)?/i;

/** Removes the Markdown code fence that some models put around JSON or SQL. */
export function stripCodeFence(text: string): string {
  const whole = text.trim();
  const [head = ''] = FENCE.exec(whole) ?? [];
  const rest = whole.slice(head.length);
  return rest.endsWith('```') ? rest.slice(0, -3) : rest;
}
