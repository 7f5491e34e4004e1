// The reader of a transcript, whose mentions stand out.
import type { InjectionKey } from 'vue'

/** Provided by MessageList; returns undefined for a visitor. */
export const readerKey: InjectionKey<() => number | undefined> = Symbol('reader')
