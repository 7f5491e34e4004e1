// Files that are dragged over a part of the page: marks it, and hands them on when they are dropped.
//
// Called by RoomScreen. Texts and links that are dragged go their own way.
import { ref } from 'vue'
import type { Ref } from 'vue'

export interface FileDrop {
  /** Files are over it now. */
  isOver: Ref<boolean>
  onDragEnter(event: DragEvent): void
  onDragOver(event: DragEvent): void
  onDragLeave(): void
  onDrop(event: DragEvent): void
}

export function useFileDrop(mayDrop: () => boolean, onFiles: (files: readonly File[]) => void): FileDrop {
  const isOver = ref(false)
  /** Entering a child comes before leaving its parent. */
  let depth = 0

  function isMeant(event: DragEvent): boolean {
    return mayDrop() && (event.dataTransfer?.types.includes('Files') ?? false)
  }

  return {
    isOver,
    onDragEnter(event) {
      if (!isMeant(event)) return
      event.preventDefault()
      depth += 1
      isOver.value = true
    },
    onDragOver(event) {
      if (!isMeant(event)) return
      event.preventDefault()
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy'
    },
    onDragLeave() {
      depth = Math.max(0, depth - 1)
      if (depth === 0) isOver.value = false
    },
    onDrop(event) {
      depth = 0
      isOver.value = false
      const files = [...(event.dataTransfer?.files ?? [])]
      if (!isMeant(event) || files.length === 0) return
      event.preventDefault()
      onFiles(files)
    },
  }
}
