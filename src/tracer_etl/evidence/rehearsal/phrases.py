"""What synthetic people write: short texts without names, numbers or places that could be anybody's."""

NOTES = {
    "02": ("minta dihubungi sore hari", "sedang bekerja, janji besok", "sibuk panen, minta ditelepon lagi"),
    "03": ("tidak bersedia diwawancarai", "merasa sudah pernah didata", "tidak mau ditanya penghasilan"),
    "04": ("keluarga tidak mengizinkan", "suami keberatan"),
    "05": ("rumah tertutup", "telepon tidak diangkat", "tetangga bilang sedang keluar"),
    "06": ("nomor di luar jangkauan", "nomor tidak aktif"),
    "07": ("nomor milik orang lain", "nomor sudah terputus"),
    "08": ("pindah ke desa sebelah, alamat baru dicatat", "ikut suami, nomor baru didapat"),
    "09": ("sudah pindah, tetangga tidak tahu ke mana", "kontrakan kosong"),
    "10": ("bekerja di luar negeri sampai pertengahan tahun", "merantau ke luar pulau"),
    "11": ("keluarga menyampaikan sudah meninggal",),
    "12": ("sedang dirawat di rumah sakit", "belum bisa diajak bicara lama"),
    "13": ("sulit mendengar, tidak ada pendamping",),
    "14": ("tidak pernah mendaftar pelatihan ini",),
    "15": ("orang yang sama sudah ada dengan nomor lain",),
    "16": ("mendaftar tetapi tidak pernah hadir",),
}
SUGGESTIONS = (
    "tambah waktu praktik dan alatnya",
    "setelah lulus mohon dibantu modal dan alat",
    "jadwal jangan bentrok dengan musim tanam tembakau",
    "magang sebaiknya lebih dari seminggu",
    "sertifikat agar cepat dibagikan",
    "instruktur sudah baik, ruang kelas terlalu panas",
    "pendampingan usaha minimal tiga bulan",
    "mohon ada pelatihan lanjutan tingkat mahir",
    "perlu kelas malam untuk yang bekerja",
    "hubungkan peserta dengan tempat kerja di Malang dan Surabaya",
    "tambah materi pemasaran lewat media sosial",
    "bantu pengurusan NIB dan sertifikat halal",
)
INTERVIEWER_NOTES = (
    "responden ramah dan terbuka",
    "wawancara di teras rumah",
    "anak kecil ikut, sempat berhenti sebentar",
    "dilakukan setelah jam kerja",
    "sinyal kurang baik",
)
WHY = (
    "Saya sudah lama tertarik pada bidang {field} dan ingin punya keterampilan yang diakui",
    "Di kecamatan saya belum banyak yang menguasai {field}, padahal permintaan terus ada",
    "Saya ingin berganti pekerjaan karena penghasilan sekarang tidak tetap dan {field} menjanjikan",
    "Setelah lulus sekolah saya belum mendapat pekerjaan, jadi saya ingin belajar {field} dengan serius",
)
WHY_MORE = (
    "agar bisa membantu orang tua dan membiayai adik sekolah.",
    "supaya dapat membuka usaha sendiri di rumah bersama pasangan.",
    "sehingga bisa melamar ke tempat kerja yang mensyaratkan sertifikat BNSP.",
    "karena keluarga mendukung dan tempat pelatihannya terjangkau dari rumah.",
)
PRIOR = (
    "Belajar sendiri dari video selama beberapa bulan",
    "Pernah membantu usaha tetangga",
    "Sudah mencoba berjualan kecil-kecilan",
    "Belum pernah, tetapi sudah membaca tentang bidang ini",
    "Pernah ikut kursus singkat di balai desa",
)
PLANS = (
    "Bulan pertama menyiapkan alat, bulan kedua menerima pesanan tetangga, lalu memasarkan di media sosial.",
    "Melamar ke tiga tempat kerja di sekitar Blitar, sambil menerima pekerjaan lepas pada akhir pekan.",
    "Bergabung dengan usaha keluarga dan menambah layanan baru, dengan target dua puluh pelanggan tetap.",
    "Magang dulu pada usaha yang sudah jalan, menabung, lalu membuka tempat sendiri pada bulan keenam.",
)
OBSTACLES = (
    "Tidak ada, jarak dekat dan keluarga mendukung",
    "Mengantar anak sekolah, sudah minta bantuan nenek",
    "Transportasi, akan berboncengan dengan peserta lain",
    "Musim panen, sudah dibicarakan dengan orang tua",
)
MARKS = (
    "tujuan jelas, rencana masuk akal",
    "pengetahuan dasar cukup, perlu latihan",
    "jawaban umum, belum ada bukti usaha",
    "sangat siap, sudah punya alat dan pelanggan",
    "kurang yakin dengan jadwal penuh",
)
IDEAS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "pangan": (
        "barista",
        ("Budidaya sayur hidroponik", "Operator traktor dan drone semprot", "Pembibitan cabai tahan hujan"),
        (
            "menjadi petani muda yang menjual langsung ke pasar",
            "menyewakan jasa olah lahan",
            "memasok bibit ke kelompok tani",
        ),
    ),
    "mbg": (
        "dapur_mbg",
        ("Juru masak dapur umum sekolah", "Ahli menu gizi anak", "Keamanan pangan dapur besar"),
        (
            "bekerja di dapur makan bergizi",
            "mengelola dapur dengan seratus porsi sehari",
            "memeriksa mutu bahan dari petani",
        ),
    ),
    "ekraf": (
        "grafis",
        ("Batik tulis motif kendang", "Animasi cerita rakyat", "Desain kemasan oleh-oleh"),
        (
            "menjual karya lewat pameran dan toko daring",
            "menerima pesanan studio dari kota besar",
            "membantu UMKM tampil rapi",
        ),
    ),
    "digital": (
        "digimar",
        ("Membuat situs untuk UMKM", "Kecerdasan buatan untuk pekerjaan kantor", "Analisis data penjualan"),
        (
            "bekerja jarak jauh dari desa",
            "menjadi admin beberapa toko sekaligus",
            "mengurus laporan koperasi",
        ),
    ),
    "hilir": (
        "kopi_cokelat",
        ("Olahan kakao menjadi permen cokelat", "Sangrai kopi robusta lereng Kelud", "Gula semut kelapa"),
        ("membuka merek sendiri", "mengekspor lewat koperasi", "menaikkan harga jual petani"),
    ),
    "hijau": (
        "listrik_rt",
        ("Pasang panel surya atap", "Bank sampah dan daur ulang plastik", "Biogas kotoran sapi"),
        ("menjadi teknisi energi di desa", "mengolah sampah menjadi barang jual", "menghemat biaya peternak"),
    ),
    "wisata": (
        "konten",
        ("Pemandu wisata sejarah", "Homestay dan kuliner pantai selatan", "Foto dan video perjalanan"),
        ("menemani rombongan ke candi", "mengelola kamar sewa keluarga", "mempromosikan desa wisata"),
    ),
    "jasa": (
        "barber",
        ("Servis ponsel", "Tata rambut dan perawatan kulit", "Cuci sepatu dan helm"),
        ("membuka gerai kecil dekat sekolah", "melayani panggilan ke rumah", "bekerja di salon kota"),
    ),
    "ln": (
        "",
        ("Bahasa Jepang untuk magang", "Bahasa Korea dan budaya kerja", "Perawat lansia untuk luar negeri"),
        (
            "berangkat resmi dan terlindungi",
            "lulus ujian tingkat dasar",
            "membawa pulang tabungan untuk usaha",
        ),
    ),
}
IDEA_REASONS = (
    "Teman seumuran saya banyak yang menganggur setelah lulus.",
    "Bahan bakunya melimpah di sini tetapi dijual mentah.",
    "Belum ada tempat kursus yang terjangkau di kecamatan kami.",
    "Permintaan naik terus, terlihat dari pesanan yang ditolak.",
    "Anak muda lebih semangat kalau langsung praktik.",
    "Karang taruna siap menyediakan ruangan dan listrik.",
    "Lulusan SMK sudah punya dasar, tinggal diasah.",
    "Ibu-ibu muda bisa mengerjakannya dari rumah.",
    "Sekarang semua serba daring, keterampilan lama tidak cukup.",
    "Biaya kursus swasta terlalu mahal bagi keluarga petani.",
)
IDEA_FORMS = (
    "Usul saya {what} supaya peserta bisa {goal}. {reason}",
    "{reason} Karena itu perlu pelatihan {what}. Hasilnya, lulusan dapat {goal}, tidak hanya kertas.",
    "Kalau bisa pelatihannya {what}, teori lalu praktik di tempat usaha. Sasarannya {goal}. {reason}",
    "Yang paling kami butuhkan adalah {what}. Alasannya: {reason} Setelah itu kami ingin {goal}.",
    "{what}! {reason} Mohon pengajarnya praktisi, agar lulusan betul-betul {goal}.",
)
BARRIERS = (
    "jauh dari rumah",
    "tidak ada biaya transport",
    "jadwal bentrok kuliah",
    "tidak percaya diri",
    "kurang informasi",
)
FIRMS = (
    "Kedai",
    "Barbershop",
    "Salon",
    "Katering",
    "Bengkel",
    "Toko",
    "Studio",
    "Pabrik",
    "Dapur",
    "Koperasi",
)
FIRM_NAMES = (
    "Patria",
    "Penataran",
    "Kelud",
    "Kendang",
    "Brantas",
    "Aryo",
    "Bung",
    "Mekar",
    "Lestari",
    "Sentosa",
    "Makmur",
)
SKILLS = (
    "pelayanan pelanggan",
    "kebersihan dan K3",
    "membuat laporan kas",
    "memakai alat ukur",
    "meracik bahan",
    "fotografi produk",
)
TRENDS = ("pemasaran digital", "mesin otomatis", "keamanan pangan", "melayani pesanan daring")
