use super::Video;

#[test]
fn pieces_are_measured() {
    let mut content = b"YUV4MPEG2 W2 H2 F10:1 C420\n".to_vec();
    for frame in 0..12_u8 {
        content.extend(b"FRAME\n");
        content.extend([frame * 2; 4]);
        content.extend([128; 2]);
    }
    let video = Video::parse(&content).unwrap();
    assert_eq!(video.pieces(), 2);
    assert!((video.brightness(0) - 9.0).abs() < 1e-9);
    assert!((video.motion(1) - 2.0).abs() < 1e-9);
    assert_eq!(Video::parse(&content[..40]).unwrap_err(), "a frame is cut off");
    assert_eq!(Video::parse(b"RIFF").unwrap_err(), "it has no header");
}
