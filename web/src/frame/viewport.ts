// Keeps the page as high as what is visible above the phone's keyboard.
//
// Called once by main.ts. Safari on iOS lays the keyboard over the page without
// telling CSS, so 100dvh would hide the composer behind it.
export function fitViewport(): void {
  const viewport = window.visualViewport
  if (!viewport) return
  const fit = () => {
    // A zoomed-in page is not a smaller one.
    if (viewport.scale > 1.01) return
    document.documentElement.style.setProperty('--page-height', `${viewport.height}px`)
    window.scrollTo(0, 0)
  }
  viewport.addEventListener('resize', fit)
}
