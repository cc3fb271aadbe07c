use super::*;
use crate::{Datatype, task::Values};

struct Fixed<'a>(Vec<(&'a str, Vec<usize>, Values<'a>)>);

impl Tensors for Fixed<'_> {
    fn get(&self, name: &str) -> Result<Tensor<'_>, BackendError> {
        let found = self.0.iter().find(|(known, ..)| *known == name);
        let (_, shape, values) = found.ok_or_else(|| BackendError("no such tensor".to_owned()))?;
        Ok(Tensor { shape: shape.clone(), values: *values })
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_entry_gets_its_rows_in_the_order_asked_for() {
    let model = Fixed(vec![
        ("floats", vec![2, 1, 2], Values::Fp32(&[1.0, 2.0, 3.0, -4.0])),
        ("counts", vec![2], Values::Int64(&[7, -1])),
        ("flags", vec![2, 2], Values::Bool(&[true, false, false, true])),
        ("nothing", vec![2, 0, 4], Values::Uint8(&[])),
    ]);
    let wanted = names(&["counts", "floats", "flags", "nothing"]);
    let results = read(&model, &wanted, 2).unwrap();
    let [_, ModelOutput::Tensors(second)] = results.as_slice() else { panic!("no tensors") };
    let found: Vec<_> = second.iter().map(|t| (&*t.name, t.datatype, t.shape.as_slice())).collect();
    assert_eq!(
        found,
        [
            ("counts", Datatype::Int64, &[][..]),
            ("floats", Datatype::Fp32, &[1, 2]),
            ("flags", Datatype::Bool, &[2]),
            ("nothing", Datatype::Uint8, &[0, 4]),
        ]
    );
    assert_eq!(second[0].contents, (-1_i64).to_le_bytes().as_slice());
    assert_eq!(second[1].contents, [3.0_f32.to_le_bytes(), (-4.0_f32).to_le_bytes()].concat());
    assert_eq!(second[2].contents, [0, 1].as_slice());
    assert!(second[3].contents.is_empty());
}

#[test]
fn a_tensor_without_a_row_for_each_entry_is_refused() {
    for shape in [vec![], vec![1, 4], vec![4]] {
        let model = Fixed(vec![("t", shape, Values::Fp32(&[0.0; 4]))]);
        let refusal = read(&model, &names(&["t"]), 2).unwrap_err().to_string();
        assert!(refusal.contains("has not 2 rows"), "{refusal}");
    }
}

#[test]
fn the_bound_holds_for_all_outputs_of_an_entry_together() {
    let half = vec![0_u8; MAX_ENTRY_BYTES / 2];
    let one = [0_u8];
    let shape = vec![1, half.len()];
    let model = Fixed(vec![
        ("a", shape.clone(), Values::Uint8(&half)),
        ("b", shape, Values::Uint8(&half)),
        ("c", vec![1, 1], Values::Uint8(&one)),
    ]);
    assert!(read(&model, &names(&["a", "b"]), 1).is_ok());
    let refusal = read(&model, &names(&["a", "b", "c"]), 1).unwrap_err().to_string();
    assert!(refusal.contains("take 16777217 bytes, and at most 16777216"), "{refusal}");
}
