//! The latency picture: the share of the readers that had the message, over time.
//!
//! One curve for each server on a logarithmic axis of time, drawn as plain SVG
//! without script. Colours follow the reader's light or dark setting; each curve
//! has a dash of its own and its name beside it, so that colour is not needed.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 56.0;
/// Points of a curve: more of them than pixels would be waste.
const POINTS: usize = 240;
const DASHES: [&str; 4] = ["none", "7 4", "2 4", "10 4 2 4"];
const STYLE: &str = "svg{--ground:#fff;--ink:#1f2328;--faint:#d0d7de;--soft:#59636e;--c0:#0969da;--c1:#bc4c00;\
--c2:#1a7f37;--c3:#8250df;font:13px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){svg{--ground:#0d1117;--ink:#e6edf3;--faint:#30363d;--soft:#9198a1;--c0:#58a6ff;\
--c1:#f0883e;--c2:#56d364;--c3:#bc8cff}}\
.ground{fill:var(--ground)}text{fill:var(--ink)}.soft{fill:var(--soft)}.grid{stroke:var(--faint);fill:none}\
.curve{fill:none;stroke-width:2.5;stroke-linejoin:round}\
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}";

/// A curve: its name, and sorted times in microseconds.
pub(crate) struct Series<'a> {
    pub(crate) name: &'a str,
    pub(crate) sorted: &'a [u32],
}

/// Draws the picture; None when there is nothing to draw.
pub(crate) fn draw(title: &str, subtitle: &str, series: &[Series<'_>]) -> Option<String> {
    let series: Vec<&Series<'_>> = series.iter().filter(|one| !one.sorted.is_empty()).collect();
    let least = series.iter().filter_map(|one| one.sorted.first()).min()?;
    let most = series.iter().filter_map(|one| one.sorted.last()).max()?;
    let axis = Axis::over((*least).max(1), (*most).max(2));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{label}\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-weight=\"600\">{label}</text>\n\
         <text class=\"soft\" x=\"{LEFT}\" y=\"45\" font-size=\"12\">{}</text>\n",
        escape(subtitle),
        label = escape(title),
    );
    grid(&mut svg, &axis);
    for (number, one) in series.iter().enumerate() {
        curve(&mut svg, &axis, number % DASHES.len(), one);
    }
    legend(&mut svg, &series);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// The axis of time, in decades.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// Covers these microseconds, from a whole decade to about where they end.
    fn over(least: u32, most: u32) -> Axis {
        let high = f64::from(most).log10();
        Axis { low: f64::from(least).log10().floor(), high: (high * 5.0).ceil() / 5.0 + 0.02 }
    }

    fn x(&self, micros: f64) -> f64 {
        let share = (micros.max(1.0).log10() - self.low) / (self.high - self.low);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

fn y(share: f64) -> f64 {
    TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
}

fn grid(svg: &mut String, axis: &Axis) {
    let (top, bottom) = (y(1.0), y(0.0));
    for percent in [0, 25, 50, 75, 100] {
        let y = y(f64::from(percent) / 100.0);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        );
    }
    let mut decade = axis.low;
    while decade <= axis.high {
        // One, two, five: even steps to the eye on this axis.
        for step in [1.0, 2.0, 5.0] {
            let micros = step * 10_f64.powf(decade);
            if micros.log10() > axis.high {
                continue;
            }
            let x = axis.x(micros);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>\
                 <text class=\"soft\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                time(micros)
            );
        }
        decade += 1.0;
    }
    let _ = writeln!(
        svg,
        "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"12\">\
         time since the publish (logarithmic)</text>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 12.0
    );
}

fn curve(svg: &mut String, axis: &Axis, number: usize, one: &Series<'_>) {
    let sorted = one.sorted;
    let mut path = String::new();
    let points = POINTS.min(sorted.len());
    for point in 0..=points {
        let share = point as f64 / points as f64;
        let at = ((sorted.len() - 1) as f64 * share) as usize;
        let letter = if point == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", axis.x(f64::from(sorted[at])), y(share));
    }
    let dash = DASHES[number];
    let _ =
        writeln!(svg, "<path class=\"curve s{number}\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>");
}

fn legend(svg: &mut String, series: &[&Series<'_>]) {
    for (number, one) in series.iter().enumerate() {
        let y = TOP + 18.0 + number as f64 * 20.0;
        let x = LEFT + 14.0;
        let last = one.sorted.last().copied().unwrap_or(0);
        let (style, dash) = (number % DASHES.len(), DASHES[number % DASHES.len()]);
        let _ = writeln!(
            svg,
            "<path class=\"curve s{style}\" stroke-dasharray=\"{dash}\" d=\"M{x} {:.1}h30\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{} <tspan class=\"soft\">(last {})</tspan></text>",
            y - 4.0,
            x + 38.0,
            escape(one.name),
            time(f64::from(last))
        );
    }
}

/// Returns a time in the unit that suits it.
fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        micros if micros >= 999_500.0 => (micros / 1e6, "s"),
        micros if micros >= 999.5 => (micros / 1e3, "ms"),
        micros => (micros, "µs"),
    };
    match value {
        value if value >= 9.95 || value.fract() < 0.05 => format!("{value:.0} {unit}"),
        value => format!("{value:.1} {unit}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_curve_and_a_name_for_each_server() {
        let (fast, slow): (Vec<u32>, Vec<u32>) =
            ((500..1500).collect(), (2000..90_000).step_by(40).collect());
        let series = [
            Series { name: "linger", sorted: &fast },
            Series { name: "a <peer>", sorted: &slow },
            Series { name: "silent", sorted: &[] },
        ];
        let svg =
            draw("10,000 readers & one room", "machine", &series).expect("there is much to draw");
        assert_eq!(svg.matches("<path class=\"curve").count(), 4, "two curves and two keys");
        assert!(svg.contains("a &lt;peer&gt;") && svg.contains("readers &amp; one"));
        assert!(svg.contains("(last 1.5 ms)") && svg.contains("(last 90 ms)"));
        assert!(!svg.contains("silent") && !svg.contains("NaN") && !svg.contains("inf"));
        assert!(svg.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn curves_rise_from_left_to_right_within_the_picture() {
        let sorted: Vec<u32> = (1..10_000).collect();
        let svg = draw("t", "s", &[Series { name: "n", sorted: &sorted }]).expect("a picture");
        let path = svg.split(" d=\"M").find(|part| part.contains('L')).expect("a curve");
        let points: Vec<(f64, f64)> = path
            .split('"')
            .next()
            .expect("a path")
            .split('L')
            .map(|point| {
                let (x, y) = point.split_once(' ').expect("two numbers");
                (x.parse().expect("x"), y.parse().expect("y"))
            })
            .collect();
        for pair in points.windows(2) {
            assert!(pair[0].0 <= pair[1].0 && pair[0].1 >= pair[1].1, "{pair:?}");
        }
        assert!(
            points
                .iter()
                .all(|(x, y)| (LEFT..=WIDTH - RIGHT).contains(x) && (TOP..=HEIGHT).contains(y))
        );
    }

    #[test]
    fn one_time_or_none_is_no_trouble() {
        assert!(draw("t", "s", &[Series { name: "n", sorted: &[0] }]).is_some());
        assert!(draw("t", "s", &[Series { name: "n", sorted: &[] }]).is_none());
        assert!(draw("t", "s", &[]).is_none());
    }
}
