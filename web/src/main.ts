// Where the page starts: sets its language and mounts App.
//
// Loaded by index.html, and by nothing else.
// The tokens come first: they declare the order of the style layers.
import './styles/tokens.css'
import './styles/base.css'
import { createApp } from 'vue'
import App from './App.vue'
import { htmlLanguage, words } from './i18n'

document.documentElement.lang = htmlLanguage
document.title = words.appName

createApp(App).mount('#app')
