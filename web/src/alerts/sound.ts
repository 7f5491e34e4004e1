// Two soft notes, made on the spot: no file to load.
//
// Called by `createAlerts`. Browsers let a page sound only after a click or a
// key, so the notes of a page that nobody touched yet are left out.

const NOTES_HZ = [587.33, 880]
const APART_S = 0.11
const FADE_S = 0.5
/** Well below the loudness of a video. */
const GAIN = 0.08

let context: AudioContext | null = null

export function playNotes(): void {
  context ??= new AudioContext()
  // A tab that slept is silent until it is woken.
  void context.resume()
  if (context.state !== 'running') return
  for (const [i, hz] of NOTES_HZ.entries()) note(context, hz, context.currentTime + i * APART_S)
}

function note(audio: AudioContext, hz: number, at: number): void {
  const tone = new OscillatorNode(audio, { frequency: hz })
  const fade = new GainNode(audio, { gain: 0 })
  fade.gain.linearRampToValueAtTime(GAIN, at + 0.01)
  fade.gain.exponentialRampToValueAtTime(0.0001, at + FADE_S)
  tone.connect(fade).connect(audio.destination)
  tone.start(at)
  tone.stop(at + FADE_S)
}
