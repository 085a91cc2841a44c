const FORMATS: Readonly<Record<string, 'wav' | 'mp3'>> = {
  'audio/wav': 'wav',
  'audio/wave': 'wav',
  'audio/x-wav': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
};

/** What OpenAI calls a sound of this type; undefined of what models do not hear. */
export function soundFormat(type: string): 'wav' | 'mp3' | undefined {
  return FORMATS[type.replace(/;.*/, '').trim().toLowerCase()];
}
