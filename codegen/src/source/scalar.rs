//! Plain scalars of YAML 1.2's core schema.

use super::Data;

/// What a plain (unquoted) scalar means, or why it means nothing that we can carry.
pub(super) fn resolve(text: &str) -> Result<Data, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Data::Null),
        "true" | "True" | "TRUE" => return Ok(Data::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Data::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan"
        | ".NaN" | ".NAN" => return Err("JSON has neither infinity nor not-a-number".to_owned()),
        _ => {}
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|d| all(d, |c| c.is_ascii_hexdigit())) {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|d| all(d, |c| ('0'..='7').contains(&c))) {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all(unsigned, |c| c.is_ascii_digit()) {
        return text.parse().map(Data::Int).map_err(|_| too_large());
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Data::Float(value)),
            _ => Err("the number is too large".to_owned()),
        };
    }
    Ok(Data::Str(text.to_owned()))
}

fn radix(digits: &str, base: u32) -> Result<Data, String> {
    i64::from_str_radix(digits, base).map(Data::Int).map_err(|_| too_large())
}

fn too_large() -> String {
    "the number does not fit into 64 bits".to_owned()
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

/// `[0-9]* (. [0-9]*)? ([eE] [-+]? [0-9]+)?` with a digit before the exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        all(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), |c| c.is_ascii_digit())
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}
