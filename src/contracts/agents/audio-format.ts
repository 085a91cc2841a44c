const FORMATS: Readonly<Record<string, 'wav' | 'mp3'>> = {
  'audio/wav': 'wav',
  'audio/wave': 'wav',
  'audio/x-wav': 'wav',
  'audio/vnd.wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
};

/**
 * Returns OpenAI's name of an audio type, or undefined for a type that models do not accept as
 * audio.
 */
export function audioFormat(type: string): 'wav' | 'mp3' | undefined {
  return FORMATS[type.replace(/;.*/, '').trim().toLowerCase()];
}
