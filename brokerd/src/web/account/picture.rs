//! A QR code, drawn here, so that no other host and no script has a part in it.

use qrcode::{Color, EcLevel, QrCode};
use secrecy::{ExposeSecret, SecretString};

use crate::problem::{Code, Problem};

/// A QR code as one path of an SVG picture.
pub(super) struct Picture {
    /// In modules, as its path counts.
    pub(super) side: usize,
    pub(super) path: String,
}

impl Picture {
    /// With the quiet zone of four modules that cameras want (ISO/IEC 18004).
    pub(super) fn of(uri: &SecretString) -> Result<Self, Problem> {
        let code = QrCode::with_error_correction_level(uri.expose_secret(), EcLevel::M);
        let code = code.map_err(|_| Problem::new(Code::Internal, "the picture could not be drawn"))?;
        let width = code.width();
        let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
        let squares = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET));
        Ok(Self { side: width + 2 * QUIET, path: squares.collect() })
    }
}

const QUIET: usize = 4;
