//! The timeline of a simulation as a drawing.

use plotters::{coord::Shift, prelude::*};

use super::report::{Reading, Report};

/// Of the whole drawing, and of what belongs to one model.
const WIDTH: u32 = 1000;
const HEIGHT: u32 = 260;
const TEXT: (&str, u32) = ("sans-serif", 15);
const SMALL: (&str, u32) = ("sans-serif", 12);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;
/// A line: what it is called, its colour, and what it shows of a pool.
type Line = (&'static str, RGBColor, fn(&Reading) -> f64);

impl Report {
    /// For each model its ongoing requests and its replicas over time, as SVG.
    ///
    /// # Errors
    /// When it cannot be drawn, which would be a fault of ours.
    pub fn svg(&self) -> anyhow::Result<String> {
        let mut svg = String::new();
        let height = HEIGHT * u32::try_from(self.models.len())?.max(1);
        {
            let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            root.fill(&WHITE)?;
            let areas = root.split_evenly((self.models.len().max(1), 2));
            for (place, pair) in areas.chunks_exact(2).enumerate().take(self.models.len()) {
                self.draw_pair(place, pair)?;
            }
            root.present()?;
        }
        Ok(svg)
    }

    fn draw_pair(&self, place: usize, areas: &[Area<'_>]) -> Drawn {
        let name = &self.models[place].model;
        let requests: [Line; 2] = [
            ("ongoing", RGBColor(31, 119, 180), |pool| pool.ongoing as f64),
            ("upstream", RGBColor(150, 150, 150), |pool| pool.upstream as f64),
        ];
        let replicas: [Line; 2] = [
            ("desired", RGBColor(255, 127, 14), |pool| f64::from(pool.desired)),
            ("running", RGBColor(44, 160, 44), |pool| pool.running as f64),
        ];
        self.draw(&areas[0], &format!("{name}: requests"), place, &requests)?;
        self.draw(&areas[1], &format!("{name}: replicas"), place, &replicas)
    }

    fn draw(&self, area: &Area<'_>, caption: &str, place: usize, lines: &[Line]) -> Drawn {
        let points = |value: fn(&Reading) -> f64| {
            self.timeline.iter().map(move |sample| (sample.at, value(&sample.pools[place])))
        };
        let values = lines.iter().flat_map(|(.., value)| points(*value)).map(|(_, value)| value);
        let most = values.fold(1.0, f64::max) * 1.05;
        let ends = self.timeline.last().map_or(1.0, |sample| sample.at.max(0.1));
        let mut chart = ChartBuilder::on(area)
            .caption(caption, TEXT)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..ends, 0.0..most)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .label_style(SMALL)
            .x_desc("seconds")
            .draw()?;
        for (name, colour, value) in lines {
            let colour = *colour;
            chart
                .draw_series(LineSeries::new(points(*value), colour.stroke_width(2)))?
                .label(*name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart
            .configure_series_labels()
            .label_font(SMALL)
            .background_style(WHITE.mix(0.8))
            .border_style(RGBColor(200, 200, 200))
            .draw()
    }
}
