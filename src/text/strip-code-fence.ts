/** Removes the Markdown code fence that some models put around their JSON. */
export function stripCodeFence(text: string): string {
  const whole = text.trim();
  const [head = ''] = /^```(?:json)?/.exec(whole) ?? [];
  const rest = whole.slice(head.length);
  return rest.endsWith('```') ? rest.slice(0, -3) : rest;
}
