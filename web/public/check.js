// Says one plain sentence where the browser is too old for the page.
//
// A classic script, for such a browser may not run the page's own. It looks for
// what the build target promises and the styles need; everything younger has a
// way round in the page itself. The server's HTML stays readable beneath.
(function () {
  function knows(test) {
    try {
      return Boolean(test())
    } catch (error) {
      return false
    }
  }

  var isNewEnough =
    'noModule' in document.createElement('script') &&
    knows(function () {
      return (
        CSS.supports('color', 'light-dark(black, white)') &&
        CSS.supports('selector(&)') &&
        'at' in Array.prototype &&
        'hasOwn' in Object &&
        'showModal' in document.createElement('dialog') &&
        'PluralRules' in Intl &&
        'ListFormat' in Intl
      )
    })
  if (isNewEnough) return

  document.documentElement.className += ' is-too-old'
  function say() {
    var isChinese = /^zh/i.test(navigator.language || '')
    var sentence = document.createElement('p')
    sentence.id = 'too-old'
    sentence.setAttribute('role', 'alert')
    sentence.appendChild(
      document.createTextNode(
        isChinese
          ? 'Linger 需要较新的浏览器：Chrome 或 Edge 123、Firefox 120、Safari 17.5 以上。'
          : 'Linger needs a newer browser: Chrome or Edge 123, Firefox 120, Safari 17.5, or later.'
      )
    )
    document.body.insertBefore(sentence, document.body.firstChild)
  }
  if (document.body) say()
  else document.addEventListener('DOMContentLoaded', say)
})()
