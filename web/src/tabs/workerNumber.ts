// Which SharedWorker is the one: its number stands in localStorage, where all tabs read it.
//
// Read by the station, which chooses the way, and by the way to the worker. Tabs that choose
// differently are tabs with two engines, each with a request that is held; so a tab that finds
// workers silent writes here that there is none, and all others follow.

const KEY = 'linger.worker'
/** By then the process that stood still goes on, or is gone, and a worker is worth another try. */
const WITHOUT_MS = 3_600_000

interface Written {
  number: number
  /** When the tabs gave workers up, in ms since 1970; null while they have one. */
  withoutSince: number | null
}

/** Returns whether the tabs do without a worker, at `date`. */
export function areWorkersGivenUp(date: number): boolean {
  const withoutSince = attempt(() => read().withoutSince) ?? Infinity
  // A date in the future is one of before the clock was set back.
  return withoutSince <= date && date - withoutSince < WITHOUT_MS
}

/** Returns the number of the worker that all tabs use, or used last. */
export function workerNumber(): number {
  return read().number
}

/** Returns the number of the worker to begin with: after a time without one, the next. */
export function firstNumber(): number {
  const { number, withoutSince } = read()
  return withoutSince === null ? number : countUp(number)
}

/** Worker `number` is silent: returns the number of the next one, which another tab may have begun. */
export function countUp(number: number): number {
  const next = Math.max(number, read().number - 1) + 1
  localStorage.setItem(KEY, String(next))
  return next
}

/** Tells all tabs to do without a worker from `date` on; returns false where nothing can be written. */
export function giveWorkersUp(date: number): boolean {
  return attempt(() => {
    localStorage.setItem(KEY, `${read().number} ${date}`)
    return true
  }) ?? false
}

/** Returns whether the tabs have turned from worker `number` to another, or to none. */
export function isWorkerOver(number: number): boolean {
  return attempt(() => read().withoutSince !== null || read().number > number) ?? false
}

/** Calls `act` when another tab has written a number, or that there is none. */
export function onWorkerNumber(act: () => void, signal: AbortSignal): void {
  window.addEventListener('storage', ({ key }) => key === KEY && act(), { signal })
}

function read(): Written {
  const [number, withoutSince] = (localStorage.getItem(KEY) ?? '').split(' ')
  return { number: Number(number) || 1, withoutSince: withoutSince === undefined ? null : Number(withoutSince) }
}

function attempt<Value>(act: () => Value): Value | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
