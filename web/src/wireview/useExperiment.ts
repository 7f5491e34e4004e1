// The experiments of a reader: a way to ask that is chosen by hand, and weather.
//
// Used by the drawer and by /how. While anything is tried, the station gives this
// tab an engine of its own; the engine shared by all tabs comes back when nothing
// is tried any more, or when the last drawer of the tab is closed.
import { computed, effectScope, onScopeDispose, reactive, ref, watch } from 'vue'
import type { EffectScope } from 'vue'
import type { Mode, Transport, Weather } from '../wire/protocol'
import type { WirePort } from './port'

export const INTERVALS_S = [1, 2, 5, 10]
export const WEATHER_PARTS = ['drop', 'delay', 'repeat', 'reorder'] as const
export type WeatherPart = (typeof WEATHER_PARTS)[number]

/** Bad enough to be seen within a minute, good enough to talk through it. */
const SHARE = 0.25
const DELAY_MS_MAX = 3000

/** Each way in turn, for as long as it takes to see what it costs. */
export const COMPARED: readonly Transport[] = ['short', 'long', 'sse']
export const COMPARE_S = 30

function createExperiment(port: WirePort) {
  const mode = ref<Mode>('automatic')
  const intervalS = ref(2)
  const hasWeather = ref(false)
  const parts = reactive({ drop: true, delay: true, repeat: true, reorder: true })
  const comparison = ref<{ mode: Transport; leftS: number } | null>(null)
  let timer: ReturnType<typeof setInterval> | undefined

  const isAlone = computed(() => mode.value !== 'automatic' || hasWeather.value)
  const weather = computed((): Weather | null => {
    if (!hasWeather.value) return null
    const share = (part: WeatherPart) => (parts[part] ? SHARE : 0)
    return { drop: share('drop'), repeat: share('repeat'), reorder: share('reorder'), delayMsMax: parts.delay ? DELAY_MS_MAX : 0 }
  })

  watch([mode, intervalS], () => port.say({ type: 'mode', mode: mode.value, intervalMs: intervalS.value * 1000 }))
  watch(weather, (now) => port.say({ type: 'weather', weather: now }))

  /** Chooses a way to ask; ends a comparison. */
  function choose(next: Mode): void {
    stopComparing()
    mode.value = next
  }

  function compare(): void {
    stopComparing()
    const waiting = [...COMPARED]
    const goOn = () => {
      const next = waiting.shift()
      if (!next) return choose('automatic')
      comparison.value = { mode: next, leftS: COMPARE_S }
      mode.value = next
    }
    goOn()
    timer = setInterval(() => {
      if (comparison.value && comparison.value.leftS > 1) comparison.value.leftS -= 1
      else goOn()
    }, 1000)
  }

  function stopComparing(): void {
    clearInterval(timer)
    comparison.value = null
  }

  onScopeDispose(() => {
    stopComparing()
    if (mode.value !== 'automatic') port.say({ type: 'mode', mode: 'automatic', intervalMs: intervalS.value * 1000 })
    if (hasWeather.value) port.say({ type: 'weather', weather: null })
  })

  return { mode, intervalS, hasWeather, parts, comparison, isAlone, choose, compare, stopComparing }
}

export type Experiment = ReturnType<typeof createExperiment>

interface Shared {
  experiment: Experiment
  scope: EffectScope
  users: number
}

const running = new WeakMap<WirePort, Shared>()

/** Returns the experiment of this tab, which ends with the last drawer that shows it. */
export function useExperiment(port: WirePort): Experiment {
  const shared = running.get(port) ?? begin(port)
  shared.users += 1
  onScopeDispose(() => {
    shared.users -= 1
    // Another room has a drawer of its own, which comes as this one goes.
    setTimeout(() => {
      if (shared.users > 0) return
      shared.scope.stop()
      running.delete(port)
    })
  })
  return shared.experiment
}

function begin(port: WirePort): Shared {
  const scope = effectScope(true)
  const experiment = scope.run(() => createExperiment(port)) as Experiment
  const shared = { experiment, scope, users: 0 }
  running.set(port, shared)
  return shared
}
