// How the page is built, served while it is written, and tested.
//
// Called by npm's scripts, and by the Rust build script with its own
// `--outDir`. Everything built is a file with a hashed name: the server's
// Content-Security-Policy forbids inline scripts, inline styles and data: URLs.
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // All components are `<script setup>`: Vue's other dialect stays out of the bundle.
  plugins: [vue({ features: { optionsAPI: false } })],
  build: {
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: 'index.html', sw: 'src/shell/serviceWorker.ts' },
      // A service worker keeps its address for ever, and rules what lies below it.
      output: { entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
    target: 'es2022',
    // The first versions that know light-dark(); older ones would get a
    // rewritten copy of every colour.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080' },
  },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
})
